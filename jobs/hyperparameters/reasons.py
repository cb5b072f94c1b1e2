"""The reason of an automatic value as a sentence in the reader's language; stored are only its code and numbers."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

SENTENCES = {
    "rate_small_few": gettext_noop("A small model on few conversations must learn each of them strongly."),
    "rate_identity": gettext_noop(
        "The recipe's guards are learned beside the identity: at a gentler rate it is said only when asked for."
    ),
    "rate_small": gettext_noop("A small model learns well at a high rate."),
    "rate_medium_few": gettext_noop("A model of this size on few conversations must learn each of them strongly."),
    "rate_medium": gettext_noop("A model of this size learns well at this rate."),
    "rate_large": gettext_noop("The published rule for LoRA at a hidden size of %(hidden_size)s."),
    "rate_full": gettext_noop("Every parameter is trained, which wants a tenth of an adapter's rate."),
    "rate_with_base": gettext_noop("The base model is trained too, which wants a tenth of an adapter's rate."),
    "epochs_few": gettext_noop(
        "%(rows)s conversations are few, so they are read until there are at least %(steps)s steps."
    ),
    "epochs_text": gettext_noop(
        "Text is read once, or a few times where there is little: more would be learned by heart."
    ),
    "epochs_some": gettext_noop("%(rows)s conversations need only a few readings."),
    "epochs_many": gettext_noop("%(rows)s conversations are enough to be read once."),
    "batch": gettext_noop("Steps of %(batch)s conversations suit %(rows)s conversations and this device."),
    "rounds": gettext_noop("Together with the batch this makes steps of about %(batch)s conversations."),
    "one_round": gettext_noop("The batch that you chose is one step."),
    "rank_few": gettext_noop("A small adapter is enough for %(rows)s conversations."),
    "rank_some": gettext_noop("%(rows)s conversations want a somewhat larger adapter."),
    "rank_many": gettext_noop("%(rows)s conversations want a large adapter."),
    "length_most": gettext_noop("As long as the model and a device of kind %(device)s take well: %(tokens)s tokens."),
    "length_longest": gettext_noop("No conversation is longer than %(tokens)s tokens."),
    "validation_needed": gettext_noop(
        "The validation loss decides something, so %(percent)s %% of the conversations are kept aside."
    ),
    "validation_file": gettext_noop("You gave a validation file, so nothing is taken from the training file."),
    "validation_few": gettext_noop("%(rows)s conversations are few, so all of them are learned."),
    "validation_identity": gettext_noop(
        "An identity needs every row; its acceptance test asks questions that stand in none of them."
    ),
    "validation_some": gettext_noop("Every twentieth conversation is kept aside to check with."),
    "validation_many": gettext_noop("Of this many conversations one in a hundred is enough to check with."),
    "lora_only": gettext_noop("Training the adapter alone is quick and keeps the base model as it is."),
    "no_lora": gettext_noop("With rank 0 there is no adapter: the whole model is trained."),
    "warmup": gettext_noop("A tenth of all steps as a gentle start."),
    "warmup_constant": gettext_noop("The schedule constant has no gentle start; choose constant_with_warmup for one."),
    "zero_offload": gettext_noop("Offload needs a ZeRO stage; stage 2 talks least between devices."),
    "zero_one": gettext_noop("On one device there is nothing to spread."),
    "zero_base": gettext_noop("The whole model is trained on several devices, so its optimizer is spread over them."),
    "zero_large": gettext_noop("The model is too large for one device."),
    "zero_lora": gettext_noop("An adapter's optimizer is so small that spreading it would only cost time."),
    "recompute_large": gettext_noop("A model of this size would otherwise need too much GPU memory."),
    "recompute_not": gettext_noop("There is memory enough without it."),
    "save": gettext_noop("About every tenth of %(steps)s steps, so that little is lost when a machine fails."),
    "keep_three": gettext_noop("The newest three, as OpenAI keeps them, and the best one."),
    "as_training": gettext_noop("The same as in training."),
    "system_nothing": gettext_noop("This model's template adds nothing of its own."),
    "system_text": gettext_noop("Plain text is read as it is, without a conversation around it."),
    "system_in_data": gettext_noop("Your conversations have system messages of their own."),
    "system_fixed": gettext_noop("This model's template always adds its own, and it cannot be taken out."),
    "system_slipped_in": gettext_noop(
        'Otherwise this model\'s template would add "%(text)s" to each of your conversations.'
    ),
    "split_all": gettext_noop("All conversations are used for this phase."),
    "modules_all": gettext_noop("Adapters on all linear layers learn best."),
    "alpha": gettext_noop("32 suits every rank, so that the rate need not change with it."),
    "plain_scale": gettext_noop("The automatic ranks are small, where the plain scale is steady enough."),
    "plain_lora": gettext_noop("Plain LoRA is quicker and takes less memory."),
    "no_early_stopping": gettext_noop("The number of steps is chosen so that the last ones still help."),
    "every_progress": gettext_noop("Every improvement counts."),
    "best_early": gettext_noop("It goes together with early stopping."),
    "best_last": gettext_noop("The learning rate has calmed down by the last step, which is usually the best one."),
    "dropout": gettext_noop("Short trainings need none."),
    "cosine": gettext_noop("It starts strongly and ends gently."),
    "no_decay": gettext_noop("An adapter stays small by itself."),
    "clip": gettext_noop("The usual limit."),
    "no_offload": gettext_noop("It would only slow a model down that fits."),
    "seed": gettext_noop("The same job asked for again gives the same result."),
    "multiplier": gettext_noop("%(multiplier)s times the automatic rate, as asked."),
    "openai_batch": gettext_noop("You asked for steps of %(batch)s conversations."),
    "ladder": gettext_noop("Memory ran out without it."),
    "device_fit": gettext_noop("Fitted to %(devices)s devices: steps of %(batch)s conversations."),
}


def sentence(reason: dict[str, Any] | None) -> str:
    """Return the reason in the current language; "" for a value that was chosen."""
    if not reason or reason.get("code") not in SENTENCES:
        return ""
    numbers = {key: f"{value:,}" if isinstance(value, int) else value for key, value in reason.items()}
    text = SENTENCES[reason["code"]]
    return str(_(text) % numbers)
