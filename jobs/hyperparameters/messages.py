"""What hyperparameters say: why a value was chosen, and why one is refused."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "as_its_parent": sentence("As in %(parent)s, which is trained further."),
        # Why an automatic value is what it is
        "rate_small_few": sentence("A small model on few conversations must learn each of them strongly."),
        "rate_identity": sentence(
            "The recipe's guards are learned beside the identity: at a gentler rate it is said only when asked for."
        ),
        "rate_small": sentence("A small model learns well at a high rate."),
        "rate_medium_few": sentence("A model of this size on few conversations must learn each of them strongly."),
        "rate_medium": sentence("A model of this size learns well at this rate."),
        "rate_large": sentence("The published rule for LoRA at a hidden size of %(hidden_size)s."),
        "rate_full": sentence("Every parameter is trained, which needs a tenth of an adapter's learning rate."),
        "rate_with_base": sentence("The base model is trained too, which needs a tenth of an adapter's learning rate."),
        "epochs_few": sentence(
            "%(rows)s conversations are few, so they are read until there are at least %(steps)s steps."
        ),
        "epochs_text": sentence(
            "Text is read once, or a few times where there is little: more would be learned by heart."
        ),
        "epochs_some": sentence("%(rows)s conversations need only a few readings."),
        "epochs_many": sentence("%(rows)s conversations are enough to be read once."),
        "steps_suit_rows": sentence("Steps of %(batch)s conversations suit %(rows)s conversations and this device."),
        "rounds_make_steps": sentence("Together with the batch this makes steps of about %(batch)s conversations."),
        "one_round": sentence("The batch that you chose is one step."),
        "effort_balanced": sentence("As many steps as such data need."),
        "epochs_fast": sentence("About half of the %(epochs)s readings of a balanced training."),
        "epochs_best": sentence("Twice the %(epochs)s readings of a balanced training."),
        "rank_best": sentence("Twice the rank %(rank)s of a balanced training."),
        "best_effort": sentence(
            "The weights with the lowest validation loss are kept, so that reading more cannot harm."
        ),
        "rank_few": sentence("A small adapter is enough for %(rows)s conversations."),
        "rank_some": sentence("%(rows)s conversations need a somewhat larger adapter."),
        "rank_many": sentence("%(rows)s conversations need a large adapter."),
        "length_most": sentence("As long as the model and a device of kind %(device)s handle well: %(tokens)s tokens."),
        "length_longest": sentence("No conversation is longer than %(tokens)s tokens."),
        "validation_needed": sentence(
            "Something here depends on the validation loss, so %(percent)s %% of the conversations are held out."
        ),
        "validation_by_file": sentence("You gave a validation file, so nothing is taken from the training file."),
        "validation_few": sentence("%(rows)s conversations are few, so all of them are learned."),
        "validation_identity": sentence(
            "An identity needs every row; its acceptance test asks questions that appear in none of them."
        ),
        "validation_recipe": sentence(
            "The recipe's test asks questions that stand in no row, so every row is learned."
        ),
        "by_recipe": sentence("The recipe of the data set says so."),
        "validation_some": sentence("One conversation in twenty is held out for validation."),
        "validation_many": sentence("With this many conversations, one in a hundred is enough for validation."),
        "lora_only": sentence("Training the adapter alone is quick and keeps the base model as it is."),
        "no_lora": sentence("With rank 0 there is no adapter: the whole model is trained."),
        "warmup_tenth": sentence("A tenth of all steps as a gentle start."),
        "warmup_constant": sentence("The schedule constant has no gentle start; choose constant_with_warmup for one."),
        "zero_offload": sentence("Offload needs a ZeRO stage; stage 2 communicates least between devices."),
        "zero_one": sentence("On one device there is nothing to spread."),
        "zero_base": sentence("The whole model is trained on several devices, so its optimizer is spread over them."),
        "zero_large": sentence("The model is too large for one device."),
        "zero_lora": sentence("An adapter's optimizer is so small that spreading it would only cost time."),
        "recompute_large": sentence("A model of this size would otherwise need too much GPU memory."),
        "recompute_not": sentence("There is enough memory without it."),
        "save_tenth": sentence("About every tenth of %(steps)s steps, so that little is lost when a machine fails."),
        "keep_three": sentence("The newest three, as OpenAI keeps them, and the best one."),
        "batch_as_training": sentence("The same as in training."),
        "system_nothing": sentence("This model's template adds nothing of its own."),
        "system_text": sentence("Plain text is read as it is, without a conversation around it."),
        "system_in_data": sentence("Your conversations have system messages of their own."),
        "system_fixed": sentence("This model's template always adds its own, and it cannot be taken out."),
        "system_slipped_in": sentence(
            'Otherwise this model\'s template would add "%(text)s" to each of your conversations.'
        ),
        "split_all": sentence("All conversations are used for this phase."),
        "modules_all": sentence("Adapters on all linear layers learn best."),
        "alpha_for_every_rank": sentence("32 suits every rank, so that the rate need not change with it."),
        "plain_scale": sentence("The automatic ranks are small, where the plain scale is steady enough."),
        "plain_lora": sentence("Plain LoRA is quicker and takes less memory."),
        "no_early_stopping": sentence("The number of steps is chosen so that the last ones still help."),
        "every_progress": sentence("Every improvement counts."),
        "best_early": sentence("It goes together with early stopping."),
        "best_last": sentence("The learning rate has calmed down by the last step, which is usually the best one."),
        "no_dropout": sentence("Short trainings need none."),
        "cosine_schedule": sentence("It starts strongly and ends gently."),
        "no_decay": sentence("An adapter stays small without it."),
        "usual_clip": sentence("The usual limit."),
        "no_offload": sentence("It would only slow down a model that fits."),
        "same_seed": sentence("Running the same job again gives the same result."),
        "rate_multiplied": sentence("%(multiplier)s times the automatic rate, as asked."),
        "batch_as_asked": sentence("You asked for steps of %(batch)s conversations."),
        # What a job with too little memory goes on with
        "fewer_at_once": sentence(
            "Continuing with %(fewer)d conversations at a time instead of %(before)d, in more rounds: the "
            "result is the same."
        ),
        "activations_twice": sentence(
            "Continuing with activations recomputed instead of stored: the result is the same, and each step "
            "takes about a third longer."
        ),
        "spread_more": sentence(
            "Continuing with ZeRO stage %(stage)d, which spreads more over the devices: the result is the same."
        ),
        "optimizer_in_host_memory": sentence(
            "Continuing with the optimizer in the host's memory: the result is the same, and steps take longer."
        ),
        # Which values are accepted
        "one_of": sentence("one of %(choices)s"),
        "true_or_false": sentence("true or false"),
        "a_text": sentence("a text"),
        "a_whole_number": sentence("a whole number"),
        "any_number": sentence("a number"),
        "at_least": sentence("at least %(bound)s"),
        "above": sentence("above %(bound)s"),
        "at_most": sentence("at most %(bound)s"),
        "below": sentence("below %(bound)s"),
        "bounded_number": sentence("%(kind)s, %(bound)s"),
        "number_between": sentence("%(kind)s, %(lower)s and %(upper)s"),
        "module_names": sentence(
            "write all-linear, or parts of module names with commas between them, such as q_proj,v_proj."
        ),
        "longest_system_prompt": sentence("at most 32,000 characters are accepted."),
        # One value is refused
        "value_refused": sentence('%(name)s is %(value)s; it must be %(accepted)s, or "auto".'),
        "text_refused": sentence("%(name)s is %(value)s; %(accepted)s"),
        "cannot_be_set": sentence("%(name)s cannot be set: %(reason)s"),
        "managed_folder": sentence(
            "Luthier sets it, since tokenised data is kept in its own folders, where jobs share it. Leave it out."
        ),
        "managed_output": sentence(
            "Luthier sets it, since each attempt writes into its own folder. Leave it out; results are in result_files."
        ),
        "managed_rank": sentence("Luthier sets it, since the launcher numbers its own processes. Leave it out."),
        "no_such_hyperparameter": sentence("There is no hyperparameter %(name)r."),
        "did_you_mean": sentence("Did you mean %(name)s?"),
        "known_names": sentence("Known: %(names)s."),
        "sent_twice": sentence("%(name)s was sent twice, as %(first)r and as %(second)r. Send it once."),
        "must_be_json_object": sentence("%(where)s must be a JSON object."),
        "method_not_offered": sentence(
            "Luthier trains by the method supervised; %(kind)s is not offered. Send method.type supervised, with "
            "conversations that end with the answer you want."
        ),
        "method_must_be_supervised": sentence("method.type must be supervised."),
        "method_field_unknown": sentence("method has the field %(name)r, which supervised training does not have."),
        "supervised_field_unknown": sentence(
            "method.supervised has the field %(name)r; it may have hyperparameters only."
        ),
        # Values that contradict one another, the model, the data or the devices
        "names_something_else": sentence(
            "%(name)s and %(field)s contradict each other. Leave %(name)s out, or make them agree."
        ),
        "no_effect_without_lora": sentence(
            "%(name)s has no effect with lora_dim 0, which trains every parameter. Leave it out."
        ),
        "no_adapter_to_optimize": sentence(
            "only_optimize_lora cannot be true with lora_dim 0: there is no adapter to optimize."
        ),
        "offload_needs_gpus": sentence(
            "offload moves the optimizer from GPU memory to the host, and this pool has CPU cores only."
        ),
        "offload_needs_zero": sentence("offload needs zero_stage 1, 2 or 3, since it moves what ZeRO has partitioned."),
        "warmup_without_effect": sentence(
            "warmup_ratio has no effect on lr_scheduler_type constant. Choose constant_with_warmup."
        ),
        "rate_and_multiplier": sentence(
            "learning_rate_multiplier multiplies the automatic learning rate, and learning_rate was given. Send one."
        ),
        "epochs_differ": sentence("n_epochs and num_train_epochs mean the same and were sent differently. Send one."),
        "batch_and_both_parts": sentence(
            "batch_size counts the conversations of one step on all devices, as per_device_train_batch_size and "
            "gradient_accumulation_steps do together. Leave one of the three out."
        ),
        "batch_no_multiple": sentence(
            "batch_size counts the conversations of one step on all devices; %(batch)d is not a multiple of "
            "%(part)d. Send batch_size alone."
        ),
        "longer_than_context": sentence("max_seq_len is %(asked)d, and this model reads at most %(context)d tokens."),
        "split_beside_file": sentence(
            "validation_split takes conversations from the training file, and a validation_file was given. Send one."
        ),
        "early_stopping_without_best": sentence(
            "load_best_model_at_end is false, and early stopping ends after the best step. Leave it out, or "
            "set early_stopping_patience to 0."
        ),
        "threshold_without_patience": sentence(
            "early_stopping_threshold has no effect without early_stopping_patience. Send a patience too, such as 3."
        ),
        "nothing_to_check_with": sentence(
            "%(name)s needs held-out conversations, and validation_split is 0. Leave validation_split out, "
            "or send a validation_file."
        ),
    }
)
message = CATALOGUE.message
