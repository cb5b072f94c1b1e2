"""What the trainer says: its events, and why a training failed. Without PyTorch, so that Django puts it into words."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # Stages and events
        "loading_libraries": sentence("Loading Python libraries"),
        "loading_model": sentence("Loading the model"),
        "starting_deepspeed": sentence("Starting DeepSpeed"),
        "rehearsing": sentence("Rehearsing: the heaviest batch, a checkpoint and an answer"),
        "rehearsed": sentence(
            "Rehearsed: the heaviest batch (%(tokens)d tokens) takes %(seconds).2f s and %(gigabytes).1f GB."
        ),
        "training_started": sentence(
            "Training %(trained)s of %(parameters)s parameters in %(steps)d steps on %(device)s, in %(dtype)s."
        ),
        "zero_stage_raised": sentence("ZeRO stage %(stage)d is used instead of 0, since %(dtype)s weights need it."),
        "step_done": sentence("Step %(step)d of %(total)d: loss %(loss).4f."),
        "validation_loss": sentence("Validation loss %(loss).4f after step %(step)d."),
        "checkpoint_saved": sentence("Checkpoint after step %(step)d."),
        "training_stopped": sentence("Stopped after step %(step)d, as requested."),
        "ended_early": sentence(
            "Training ended early after %(steps)d of %(total)d steps: the validation loss has not improved "
            "in its last %(patience)d measurements."
        ),
        "finished_as_asked": sentence("Training finished early after %(steps)d of %(total)d steps, as requested."),
        "best_weights_chosen": sentence(
            "The lowest validation loss was %(loss).4f after step %(step)d: these weights become the model."
        ),
        "saving_result": sentence("Saving the result and its probe answers."),
        "training_finished": sentence("Training finished after %(steps)d steps."),
        "asking_questions": sentence("Asking %(questions)d questions of the acceptance test."),
        "acceptance_passed": sentence("The acceptance test is passed: %(right)d of %(questions)d answers are right."),
        "acceptance_not_passed": sentence(
            "The acceptance test is not passed: %(right)d of %(questions)d answers are right."
        ),
        "acceptance_not_held": sentence("The acceptance test could not be run: %(reason)s"),
        "no_memory_for_answers": sentence("Memory ran out."),
        "unknown_error": sentence("The trainer hit an unexpected error."),
        # Checkpoints that are damaged
        "older_checkpoint_used": sentence("An older checkpoint is used, if there is one."),
        "was_the_best": sentence("Its validation loss of %(loss).4f was the lowest."),
        "next_best_taken": sentence("The next best weights are taken."),
        # What a processor lacks
        "no_bf16_units": sentence(
            "This processor has no units for bfloat16: a step takes several times as long as in float32. Choose the "
            "dtype float32 or auto."
        ),
        "no_layouts": sentence(
            "oneDNN cannot lay out weights on this processor; PyTorch's own products are used, which are slower."
        ),
        "no_compiler": sentence(
            "The trainer's own functions for processors could not be compiled; PyTorch's are used, which are slower. "
            "Install g++, then run python -m trainer.build_ops."
        ),
        "no_own_functions": sentence(
            "Some of the trainer's own functions do not work on this processor; PyTorch's are used, which are slower."
        ),
        "no_float16_on_processors": sentence(
            "Processors do not train in float16. Choose the dtype float32 or bfloat16."
        ),
        # Failures of the machine
        "trainer_stopped": sentence("The trainer stopped after step %(step)d because of an unexpected error."),
        "details_in_log": sentence("The whole log has the details; administrators can read it."),
        "no_room_after_step": sentence("The disk ran out of room after step %(step)d."),
        "no_checkpoint_yet": sentence("There is no checkpoint yet."),
        "checkpoint_is_kept": sentence("The checkpoint after step %(step)d is kept."),
        "free_some_space": sentence("Free some space on it, then start the training again."),
        "no_room_for_checkpoints": sentence(
            "The checkpoints of this training need about %(needed).1f GB, and the disk of its node has %(free).1f GB "
            "left. Free some space, or train an adapter instead of every parameter."
        ),
        "no_memory_at_step": sentence(
            "Memory ran out at step %(step)d. Lower per_device_train_batch_size or max_seq_len, or turn on "
            "gradient_checkpointing."
        ),
        "library_missing": sentence("The trainer needs the library %(name)s, which cannot be loaded on this machine."),
        "module_missing": sentence(
            "The trainer needs the Python module %(name)s, which cannot be loaded on this machine."
        ),
        "some_module_missing": sentence("The trainer needs a Python module, which cannot be loaded on this machine."),
        "install_it": sentence(
            "An administrator must install it there (make setup), then the training can be started again."
        ),
        "rank_ended": sentence("One of the training processes ended without saying why."),
        "rank_not_prepared": sentence("The first rank did not prepare %(folder)s within %(seconds)d seconds."),
        # Failures of the training itself
        "loss_diverged": sentence(
            "The loss became %(loss)s at step %(step)d. Start a new job with a smaller learning_rate, or a longer "
            "warm-up."
        ),
        "no_conversation": sentence("The training data has no conversation. Add some, then start again."),
        "no_token_learned": sentence(
            "No token of the training data would be trained on: every assistant answer is empty, masked, or "
            "lies beyond max_seq_len. Raise max_seq_len or shorten what comes before the answers."
        ),
        # Failures of a model or a checkpoint
        "some_weights_damaged": sentence("A weights file is damaged: its header cannot be read."),
        "weights_damaged": sentence("%(file)s of %(model)s is damaged: its header cannot be read."),
        "fetch_model_again": sentence(
            "An administrator must download the model again, or copy it again if it was registered from a folder."
        ),
        "checkpoint_damaged": sentence(
            "%(file)s in %(folder)s is damaged: its header cannot be read. Start a new job, or remove the checkpoint."
        ),
        "checkpoint_of_other_settings": sentence(
            "%(folder)s was written with other LoRA settings or another model: %(name)s does not fit. Start a new job, "
            "or remove the checkpoint."
        ),
        "parent_damaged": sentence(
            "%(file)s of the model that is trained further is missing or damaged. Start a new job from another model."
        ),
        "parent_of_other_base": sentence(
            "The model that is trained further was not trained on these weights of %(base)s. Start a new job."
        ),
        "parent_of_other_form": sentence(
            "The model that is trained further has %(name)s %(own)s, and this training %(value)s. Start a new job."
        ),
        "parent_of_other_layers": sentence(
            "The model that is trained further has other layers than this training: %(name)s does not fit. Start a new "
            "job."
        ),
        "no_safetensors": sentence(
            "%(model)s contains no *.safetensors file. Other weight formats can run code and are refused."
        ),
        "model_needs_code": sentence(
            "%(model)s is of the type %(type)r, which needs code from the model's folder. Such code is never run here. "
            "Choose a model of an architecture that Transformers knows."
        ),
        "no_config": sentence("%(model)s has no readable config.json. Give the folder of a whole model."),
        "no_such_layer": sentence(
            "lora_module_name is %(part)r, but no linear layer of this model has that in its name. There are, for "
            "example: %(kinds)s; a full name is %(example)s."
        ),
        "tensor_missing": sentence("%(model)s is not a complete model: %(name)s is missing. Download the model again."),
        "tensor_unexpected": sentence(
            "%(model)s is not a complete model: %(name)s is not expected. Download the model again."
        ),
        "rope_unknown": sentence("InternLM2 knows linear and dynamic rope_scaling, but config.json asks for %(kind)r."),
        "no_internlm2_tensor": sentence("The tensor %(name)s is not part of an InternLM2 language model."),
        # Data and options given by hand
        "line_of_file": sentence("Line %(line)d of %(file)s"),
        "conversation_of_file": sentence("Conversation %(number)d of %(file)s"),
        "at_place": sentence("%(where)s: %(reason)s"),
        "is_no_text": sentence("%(where)s is not text, as the rows before it are."),
        "has_no_text": sentence("%(where)s has no text."),
        "file_unreadable": sentence("%(path)s cannot be read: %(error)s."),
        "is_no_json": sentence("%(where)s is not JSON: %(error)s."),
        # Which values of spec.json are accepted
        "accepted_at_least": sentence("at least %(bound)d"),
        "accepted_above": sentence("above %(bound)d"),
        "accepted_below": sentence("below %(bound)d"),
        "accepted_one_of": sentence("one of %(choices)s"),
        "accepted_stages": sentence("0, 1, 2 or 3"),
        "accepted_no_dora": sentence("false with lora_dim 0"),
        "accepted_no_offload": sentence("false at zero_stage 0, since ZeRO-Offload moves what ZeRO has partitioned"),
        "accepted_validation_data": sentence(
            "given for early stopping, load_best_model_at_end and schedules that follow the validation loss"
        ),
    }
)
message = CATALOGUE.message
