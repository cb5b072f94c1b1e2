"""Every parameter of a training, in the order in which people are shown them."""

from difflib import get_close_matches

from django.utils.translation import gettext_lazy as _

from chat import ChatError, parse_data_split
from chat.system_choice import MAX_SYSTEM_CHARS
from common.errors import UserError
from common.texts import sendable
from jobs.hyperparameters.automatic import EFFORTS
from jobs.hyperparameters.messages import message
from jobs.hyperparameters.parameter import Parameter
from trainer.spec import SCHEDULES
from wording import Message

LONGEST_NAMES = 500


def _data_split(text: str) -> Message | None:
    try:
        parse_data_split(text)
    except ChatError as error:
        return error.message
    return None


def _module_names(text: str) -> Message | None:
    return None if all(map(str.strip, text.split(","))) and len(text) <= LONGEST_NAMES else message("module_names")


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="effort",
        label=_("How thoroughly it learns"),
        term=_("effort"),
        kind="choice",
        choices=EFFORTS,
        group="goal",
        sentence=_("More: more readings and a larger adapter, in more time. Less: a first look after fewer steps."),
    ),
    Parameter(
        name="num_train_epochs",
        label=_("How often it reads your data"),
        term="num_train_epochs",
        kind="number",
        above=0,
        most=1000,
        group="goal",
        sentence=_("More: it learns your answers more exactly, in the end by heart. Less: it stays freer."),
    ),
    Parameter(
        name="learning_rate",
        label=_("How strongly it learns"),
        term=_("learning rate"),
        kind="number",
        above=0,
        most=1,
        group="goal",
        sentence=_("More: it learns faster, but may forget or break. Less: it changes gently, or hardly at all."),
    ),
    Parameter(
        name="lora_dim",
        label=_("How much it can learn"),
        term=_("LoRA rank"),
        kind="integer",
        least=0,
        most=1024,
        group="goal",
        sentence=_(
            "More: room for more facts and styles, and a larger adapter. Less: small and quick. 0 trains every "
            "parameter of the model and gives a whole model instead of an adapter."
        ),
    ),
    Parameter(
        name="max_seq_len",
        label=_("Longest conversation"),
        term=_("max_seq_len, in tokens"),
        kind="integer",
        least=8,
        most=1_048_576,
        group="data",
        sentence=_("More: long conversations are learned whole, with more memory. Less: they are cut at this length."),
    ),
    Parameter(
        name="system_prompt",
        label=_("System prompt"),
        term=_("system prompt"),
        kind="text",
        check=lambda text: None if len(text) <= MAX_SYSTEM_CHARS else message("longest_system_prompt"),
        longest=MAX_SYSTEM_CHARS,
        group="data",
        sentence=_(
            "What the model is told before conversations that have no system message of their own: default keeps the "
            "model's own, none gives nothing, any other text is yours. The tuned model is served with the same."
        ),
    ),
    Parameter(
        name="validation_split",
        label=_("Kept aside to check"),
        term=_("validation share"),
        kind="number",
        least=0,
        most=0.5,
        group="data",
        sentence=_(
            "More: a truer picture of how it does on unseen conversations. Less: more conversations to learn from."
        ),
    ),
    Parameter(
        name="data_split",
        label=_("Share of the data for this phase"),
        term="data_split",
        kind="text",
        check=_data_split,
        group="data",
        sentence=_(
            "Shares of three phases as in DeepSpeed-Chat, such as 2,4,4: supervised training, reward model, "
            "reinforcement. Only the first phase trains here, so 2,4,4 trains on 2 of 10 conversations. 1,0,0 trains "
            "on all of them."
        ),
    ),
    Parameter(
        name="per_device_train_batch_size",
        label=_("Conversations at a time on each device"),
        term=_("batch size per device"),
        kind="integer",
        least=1,
        most=1024,
        group="speed",
        sentence=_("More: steadier steps, fewer of them, more memory. Less: more steps that are each less certain."),
    ),
    Parameter(
        name="gradient_accumulation_steps",
        label=_("Rounds before it changes"),
        term=_("gradient accumulation"),
        kind="integer",
        least=1,
        most=4096,
        group="speed",
        sentence=_("More: a larger batch without more memory, fewer steps. Less: the model changes more often."),
    ),
    Parameter(
        name="per_device_eval_batch_size",
        label=_("Conversations at a time when checking"),
        term=_("evaluation batch size per device"),
        kind="integer",
        least=1,
        most=1024,
        group="speed",
        sentence=_("More: checking is quicker and takes more memory. Less: slower and smaller. Results are the same."),
    ),
    Parameter(
        name="lr_scheduler_type",
        label=_("How the learning fades"),
        term=_("learning-rate schedule"),
        kind="choice",
        choices=SCHEDULES,
        group="adapter",
        sentence=_(
            "cosine and linear calm down towards the end; constant goes on at full strength; reduce_lr_on_plateau and "
            "greedy calm down once unseen conversations get no better."
        ),
    ),
    Parameter(
        name="warmup_ratio",
        label=_("Gentle start"),
        term=_("warm-up ratio"),
        kind="number",
        least=0,
        below=1,
        group="adapter",
        sentence=_("More: it starts more carefully. Less: full strength from the first steps."),
    ),
    Parameter(
        name="weight_decay",
        label=_("Pull towards zero"),
        term=_("weight decay"),
        kind="number",
        least=0,
        most=1,
        group="adapter",
        sentence=_("More: what is learned stays smaller and more general. Less: it may learn more exactly."),
    ),
    Parameter(
        name="max_grad_norm",
        label=_("Largest single change"),
        term=_("gradient clipping"),
        kind="number",
        least=0,
        most=1e6,
        group="adapter",
        sentence=_("More: odd conversations may pull harder. Less: every step is held smaller. 0 holds none."),
    ),
    Parameter(
        name="lora_alpha",
        label=_("Weight of what is learned"),
        term=_("LoRA alpha"),
        kind="number",
        above=0,
        most=65536,
        group="adapter",
        sentence=_("More: the adapter speaks louder over the base model. Less: quieter. It is divided by the rank."),
    ),
    Parameter(
        name="lora_dropout",
        label=_("Forgetting while it learns"),
        term=_("LoRA dropout"),
        kind="number",
        least=0,
        below=1,
        group="adapter",
        sentence=_("More: it cannot rely on single paths, which helps on few data. Less: it learns faster."),
    ),
    Parameter(
        name="use_rslora",
        label=_("Hold large ranks steady"),
        term="rsLoRA",
        kind="boolean",
        group="adapter",
        sentence=_("On: an adapter of a large rank learns as strongly as a small one. Off: it learns more gently."),
    ),
    Parameter(
        name="use_dora",
        label=_("Learn direction and strength apart"),
        term="DoRA",
        kind="boolean",
        group="adapter",
        sentence=_("On: often better answers from a small rank; slower, with more memory. Off: plain LoRA."),
    ),
    Parameter(
        name="lora_module_name",
        label=_("Which parts learn"),
        term=_("LoRA target modules"),
        kind="text",
        check=_module_names,
        longest=LONGEST_NAMES,
        group="adapter",
        sentence=_(
            "More parts: it learns better. Fewer: smaller and quicker. all-linear, or parts of module names such as "
            "q_proj,v_proj, or patterns such as *.1?.mlp.*."
        ),
    ),
    Parameter(
        name="only_optimize_lora",
        label=_("Leave the base model as it is"),
        term="only_optimize_lora",
        kind="boolean",
        group="adapter",
        sentence=_("On: only the adapter learns. Off: the base model learns too, and the result is a whole model."),
    ),
    Parameter(
        name="gradient_checkpointing",
        label=_("Save memory by computing twice"),
        term=_("gradient checkpointing"),
        kind="boolean",
        group="hardware",
        sentence=_("On: about half the memory and a third slower. Off: faster. Results are the same."),
    ),
    Parameter(
        name="zero_stage",
        label=_("How the work is spread over devices"),
        term=_("DeepSpeed ZeRO stage"),
        kind="integer",
        least=0,
        most=3,
        group="hardware",
        sentence=_("More: less memory on each device, more talk between them. 0: every device holds everything."),
    ),
    Parameter(
        name="offload",
        label=_("Use the host's memory"),
        term=_("ZeRO-Offload"),
        kind="boolean",
        group="hardware",
        sentence=_(
            "On: the optimizer lives in the host's memory, which fits larger models and is slower. Off: faster."
        ),
    ),
    Parameter(
        name="early_stopping_patience",
        label=_("Checks without progress before it ends"),
        term=_("early stopping: patience"),
        kind="integer",
        least=0,
        most=1000,
        group="goal",
        sentence=_(
            "More: it is given longer to find a better way. Less: it ends sooner once unseen conversations get no "
            "better. 0: it goes on to the last step."
        ),
    ),
    Parameter(
        name="early_stopping_threshold",
        label=_("Smallest progress that counts"),
        term=_("early stopping: threshold"),
        kind="number",
        least=0,
        most=100,
        group="goal",
        sentence=_("More: small improvements of the validation loss do not count as progress. Less: every one does."),
    ),
    Parameter(
        name="load_best_model_at_end",
        label=_("Which step becomes the model"),
        term="load_best_model_at_end",
        kind="boolean",
        group="goal",
        sentence=_("On: the step with the lowest validation loss. Off: the last step."),
    ),
    Parameter(
        name="save_steps",
        label=_("Steps between checkpoints"),
        term="save_steps",
        kind="integer",
        least=0,
        most=1_000_000,
        group="hardware",
        sentence=_("More: less time spent on saving. Less: less is lost when a machine fails. 0: only when stopped."),
    ),
    Parameter(
        name="save_total_limit",
        label=_("Checkpoints that are kept"),
        term="save_total_limit",
        kind="integer",
        least=0,
        most=1000,
        group="hardware",
        sentence=_(
            "More: further back to look or go on from. Less: less storage. Older ones are deleted, but never that of "
            "the lowest validation loss. 0: all are kept."
        ),
    ),
    Parameter(
        name="seed",
        label=_("Seed"),
        term=_("random seed"),
        kind="integer",
        least=0,
        most=2**31 - 1,
        group="hardware",
        sentence=_("Another seed shuffles the data differently; the same seed gives the same training again."),
    ),
    Parameter(
        name="data_path",
        label=_("Training data"),
        term="data_path",
        kind="text",
        group="managed",
        sentence=_("The id of the uploaded training file, as in training_file."),
    ),
    Parameter(
        name="model_name_or_path",
        label=_("Base model"),
        term="model_name_or_path",
        kind="text",
        group="managed",
        sentence=_("The id of the base model, as in model."),
    ),
    Parameter(
        name="data_output_path",
        label=_("Folder for prepared data"),
        term="data_output_path",
        kind="text",
        group="managed",
        managed=message("managed_folder"),
        sentence=_("Where tokenised data are kept: Luthier's own folder, shared by all jobs on the same data."),
    ),
    Parameter(
        name="output_dir",
        label=_("Folder for results"),
        term="output_dir",
        kind="text",
        group="managed",
        managed=message("managed_output"),
        sentence=_("Where an attempt writes: its own run directory. Results are downloaded from the job."),
    ),
    Parameter(
        name="local_rank",
        label=_("Number of the process"),
        term="local_rank",
        kind="integer",
        group="managed",
        managed=message("managed_rank"),
        accepts=(-1, "-1"),
        sentence=_("The launcher numbers the processes on each machine."),
    ),
)

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


def find(name: str) -> Parameter:
    """Return the parameter of this name, or raise UserError with the nearest one that exists."""
    if name in BY_NAME:
        return BY_NAME[name]
    near = get_close_matches(name.lower(), list(BY_NAME), n=1, cutoff=0.5)
    advice = message("did_you_mean", name=near[0]) if near else message("known_names", names=list(BY_NAME))
    said = message("no_such_hyperparameter", name=sendable(name)).followed_by(advice)
    raise UserError(said, code="unknown_parameter", param=sendable(name))
