"""What jobs say: their events, why they ended, and why something asked of them is refused."""

import layouts.messages  # noqa: F401  # what trainers say is put into words here
import trainer.messages  # noqa: F401
from wording import Catalogue, plural, sentence

CATALOGUE = Catalogue(
    {
        # A failed job once more
        "only_failed_again": sentence("Only a job that has failed can be retried. Create a new job instead."),
        "again_gentler": sentence("Train again with a %(factor)dth of the learning rate"),
        "again_fewer_at_once": sentence("Train again with half as many conversations at a time"),
        "again_recomputing": sentence("Train again with activations recomputed"),
        "again_shorter": sentence("Train again with conversations cut after %(tokens)d tokens"),
        "again_as_before": sentence("Train again"),
        "delete_models": sentence("Delete tuned models that are no longer needed; their checkpoints go with them."),
        "too_many_streams": sentence("Too many pages are being followed. This one asks every few seconds instead."),
        "no_such_model": sentence("There is no tuned model '%(model)s'."),
        "name_refused": sentence("A name has at most %(characters)d characters, on one line."),
        # Events: from a request to a queued job
        "job_created": sentence("The job was created. Its data is being read."),
        "conversations_ready": sentence("The data is ready: %(rows)s conversations to learn from. The job is queued."),
        "text_ready": sentence("The data is ready: %(rows)s windows of text to learn from. The job is queued."),
        "rows_left_out": sentence(
            "Left out, since their answers lie beyond max_seq_len (%(tokens)d tokens): %(rows)s conversations, on "
            "lines %(lines)s."
        ),
        "rows_cut": sentence(
            "Cut after max_seq_len (%(tokens)d tokens): %(rows)s conversations, on lines %(lines)s. The rest of them "
            "is not learned."
        ),
        # Events: what was asked of a job
        "cancelling_requested": sentence("Cancellation requested."),
        "job_was_cancelled": sentence("The job was cancelled."),
        "pausing_requested": sentence("Pause requested."),
        "paused_before_start": sentence("The job is paused before its first step."),
        "paused_after_step": sentence("The job is paused after step %(step)d."),
        "paused_for_nothing": sentence(
            "The job is paused before its first checkpoint: it starts over when it is resumed."
        ),
        "early_finish_requested": sentence("Early finish requested: the best weights so far become the model."),
        "early_finish_queued": sentence("Early finish requested. The job is queued to write its model."),
        "data_read_again": sentence("The job continues. Its data is being read."),
        "resumed_anew": sentence("The job starts over. It is queued."),
        "resumed_after_step": sentence("The job continues after step %(step)d. It is queued."),
        # Events: attempts
        "training_begins": sentence("Training started."),
        "training_goes_on": sentence("Training resumed after step %(step)d."),
        "queued_again": sentence("The job is queued again."),
        "queued_again_anew": sentence("The job is queued again and starts over, since it has no checkpoint yet."),
        "queued_again_from_checkpoint": sentence("The job is queued again and continues from its newest checkpoint."),
        "attempt_stopped": sentence("Attempt %(number)d was stopped."),
        "attempt_stopped_for_hours": sentence(
            "Attempt %(number)d was stopped: the team's accelerator-hours of this month are used up."
        ),
        "attempt_drained": sentence("Attempt %(number)d was stopped: its node takes no work at the moment."),
        "attempt_preempted": sentence(
            "Attempt %(number)d gave back accelerators that its team had borrowed: another team needs what it is "
            "guaranteed."
        ),
        "attempt_preempted_by_hand": sentence("Attempt %(number)d was preempted by an administrator."),
        "paused_after_longest": sentence(
            "The job is paused: it ran for %(minutes)s minutes, as long as one run may. Resume it to continue from its "
            "newest checkpoint."
        ),
        "paused_after_idle": plural(
            "The job is paused: it had computed nothing for %(minutes)s minute, so its accelerators were given back. "
            "Look at its log, and resume it to continue from its newest checkpoint.",
            "The job is paused: it had computed nothing for %(minutes)s minutes, so its accelerators were given back. "
            "Look at its log, and resume it to continue from its newest checkpoint.",
            by="minutes",
        ),
        "losses_may_differ": sentence(
            "The job continues with %(now)s accelerators instead of %(before)s, since no more are available "
            "to it. Its losses may differ from those of a training without a break."
        ),
        "hours_nearly_used": sentence(
            "The team has used %(percent)s %% of its %(hours)s accelerator-hours of this month. At 100 %% "
            "none of its new work starts until %(resets_on)s."
        ),
        "hours_used_up": sentence(
            "The team has used all of its %(hours)s accelerator-hours of this month. Running work is stopped "
            "after %(minutes)s minutes and continues from its checkpoint on %(resets_on)s, or once an "
            "administrator raises the limit."
        ),
        "attempt_without_result": sentence("The last attempt ended without a result. The job is queued again."),
        "result_lost": sentence("The result was lost with its node."),
        "trainer_gone": sentence("The trainer ended without saying why."),
        "model_ready": sentence("The tuned model %(name)s is ready."),
        # Events: memory
        "memory_known_short": sentence("Memory is known to run out with these values on this device."),
        "memory_ran_out": sentence("Memory ran out."),
        "trainer_ran_out_of_memory": sentence("The trainer ran out of memory."),
        "nothing_takes_less": sentence(
            "Every way to use less memory has been tried. Choose a smaller model, a smaller max_seq_len, or "
            "devices with more memory."
        ),
        # Why a value was changed
        "memory_ran_out_without": sentence("Memory ran out without it."),
        "fitted_to_devices": sentence("Fitted to %(devices)s devices: steps of %(batch)s conversations."),
        # Ends
        "failed_silently": sentence("The training failed without saying why."),
        "given_up": sentence(
            "This happened in three attempts in a row, none of which got further than the one before."
        ),
        "start_once_more": sentence(
            "Start it once more as a new job; if that ends the same way, ask an administrator, who can find "
            "more in its whole log."
        ),
        "stored_once_mended": sentence("The training's output is stored once that is done."),
        "storage_silent": sentence(
            "Object storage has not responded for some time. The training's output is stored once it responds."
        ),
        "storage_silent_too_long": sentence("Object storage did not respond for too long."),
        "result_not_stored": sentence("The result was not stored; an administrator can find it on its node."),
        "no_values": sentence("The job has no values to train with. Create it again."),
        "no_room_on_node": sentence(
            "The node's disk has no room for this training. Free some space, then resume or create the job again."
        ),
        # Why a job's data cannot be trained on
        "too_few_conversations": sentence(
            "%(filename)s has %(rows)s conversations, and a training needs at least %(least)d. Add some and upload the "
            "file again."
        ),
        "too_little_text": sentence(
            "%(filename)s has %(rows)s pieces of text, and a training needs at least %(least)d. Add some and upload "
            "the file again."
        ),
        "file_not_trainable": sentence("%(filename)s cannot be trained on."),
        "training_file_deleted": sentence("The training file was deleted."),
        "validation_file_deleted": sentence("The validation file was deleted."),
        "nothing_kept_aside": sentence(
            "Early stopping, load_best_model_at_end and schedules that follow the validation loss need "
            "held-out conversations, and there are none. Raise validation_split, or send a validation_file."
        ),
        # A request is refused
        "body_must_be_object": sentence("The body must be a JSON object."),
        "integrations_not_offered": sentence(
            "integrations are not offered: read the loss from the job's events or from metrics.csv."
        ),
        "job_field_unknown": sentence(
            "A job has no field %(name)r. Hyperparameters belong in method.supervised.hyperparameters or "
            "hyperparameters."
        ),
        "id_missing": sentence("%(name)s is missing; it must be an id."),
        "must_be_text": sentence("%(name)s must be a string."),
        "suffix_refused": sentence("suffix must be a string of at most %(characters)d printable characters."),
        "accelerators_refused": sentence(
            'accelerators is %(value)r; it must be a whole number from 1 to %(most)d, or "auto".'
        ),
        "priority_refused": sentence("priority is %(value)r; it must be low, normal or high."),
        "urgent_is_granted": sentence("Only an administrator may make a job urgent. Choose high."),
        "metadata_refused": sentence("metadata must be an object of at most 16 pairs."),
        "metadata_pair_refused": sentence(
            "metadata[%(key)s] must be a string of at most 512 characters under a key of at most 64."
        ),
        "contradicts_parent": sentence(
            "%(name)s is %(value)s, but %(parent)s was trained with %(own)s and can only be trained further with the "
            "same. Omit it, or train the base model."
        ),
        "parent_deleted": sentence("The model %(name)s, which was to be trained further, was deleted."),
        "parent_needed": sentence("The job %(job)s trains %(name)s further. Cancel it or wait until it ends."),
        "no_such_base_model": sentence("There is no base model %(name)r."),
        "no_such_training_file": sentence("There is no file %(file)r."),
        "uploaded_for_something_else": sentence(
            "%(filename)s was uploaded for %(purpose)s. Upload it with purpose fine-tune."
        ),
        "estimate_needs_both": sentence("An estimate needs a model and a training_file."),
        # A change is refused
        "no_such_job": sentence("There is no fine-tuning job %(job)r."),
        "no_such_event": sentence("There is no event %(event)r in this job."),
        "no_such_checkpoint": sentence("There is no checkpoint %(checkpoint)r in this job."),
        "no_such_attempt": sentence("This job has no attempt %(number)d."),
        "job_keeps_its_accelerators": sentence(
            "This job has already started, so it continues with as many accelerators as it had. Cancel it, or wait."
        ),
        "nothing_left_to_do": sentence("This job has already %(ended)s, so there is nothing to %(verb)s."),
        "been_cancelled": sentence("been cancelled"),
        "verb_cancel": sentence("cancel"),
        "verb_pause": sentence("pause"),
        "verb_finish": sentence("finish"),
        "status_validating_files": sentence("validating_files"),
        "status_queued": sentence("queued"),
        "status_running": sentence("running"),
        "status_succeeded": sentence("succeeded"),
        "status_failed": sentence("failed"),
        "status_cancelled": sentence("cancelled"),
        "paused_already": sentence("This job is already paused."),
        "cancelling_not_paused": sentence("This job is being cancelled, so it cannot be paused."),
        "early_finish_not_paused": sentence("This job is finishing early, so it cannot be paused."),
        "cancelling_not_finished": sentence("This job is being cancelled, so it cannot finish early."),
        "nothing_learned_yet": sentence(
            "This job has not learned anything yet, so there is no model to keep. Wait for its first step, or cancel "
            "it."
        ),
        "not_paused": sentence("This job is %(status)s, not paused, so it cannot be resumed."),
        "file_still_needed": sentence(
            "The job %(label)s (%(job)s) still needs %(filename)s. Cancel it or wait until it ends."
        ),
        # Tuned models and logs
        "model_was_deleted": sentence("The model %(name)s was deleted."),
        "deleted_with_checkpoints": sentence("The model %(name)s was deleted with its checkpoints."),
        "checkpoint_too_early": sentence(
            "%(name)s is a checkpoint of a job that has not ended. Ask it once the job has ended."
        ),
        "checkpoint_whole": sentence(
            "%(name)s is a checkpoint of a training of all weights, of which the finished model alone can be asked."
        ),
        "checkpoint_not_kept": sentence(
            "The files of the checkpoint %(name)s are not kept: use one of the steps %(steps)s, or train again with a "
            "larger save_total_limit."
        ),
        "checkpoints_not_kept": sentence(
            "The files of the checkpoint %(name)s are not kept: use the finished model, or train again with a larger "
            "save_total_limit."
        ),
        "adapter_not_loaded": sentence("%(name)s cannot be loaded: %(reason)s"),
        "adapter_files_differ": sentence("The files of %(name)s are not the ones that its training wrote."),
        "log_away": sentence("The log is in object storage, which is not responding. Try again in a moment."),
    }
)
message = CATALOGUE.message
