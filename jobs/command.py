"""A job as the command that trains the same by hand."""

import shlex

from jobs.models import FineTuningJob
from jobs.preparing import kept_on_node, trainer_values
from trainer.spec import command_line

OUTPUT_DIR = "output"


def arguments_of(job: FineTuningJob) -> list[str]:
    """Return the DeepSpeed command as a list of arguments; [] while the job has no values yet.

    The training file must be downloaded to the name that stands under --data_path. --chat_path is the run directory's
    folder with the tokenizer and the template that has the system prompt's choice in it.
    """
    if not job.hyperparameters:
        return []
    attempt = job.newest_attempt
    values = job.hyperparameters
    options: dict[str, str | int | float] = {
        "data_split": values["data_split"],
        "validation_share": values["validation_split"],
        "save_steps": values["save_steps"],
        "save_total_limit": kept_on_node(job),
    }
    if attempt is not None:
        options["chat_path"] = str(attempt.run.directory.chat)
    if job.validation_file is not None:
        options["validation_path"] = job.validation_file.filename
    world_size = (attempt.world_size if attempt is not None else None) or 1
    return command_line(
        trainer_values(job),
        data_path=str(job.file_ids.get("training_name") or job.training_file_id_shown),
        model_name_or_path=str(job.base_model.path),
        output_dir=OUTPUT_DIR,
        world_size=world_size,
        **options,
    )


def command_of(job: FineTuningJob) -> str:
    """Return the command for a shell, one option a line; "" while the job has no values yet."""
    arguments = arguments_of(job)
    lines: list[str] = []
    for argument in arguments:
        if argument.startswith("--") or not lines:
            lines.append(shlex.quote(argument))
        else:
            lines[-1] += f" {shlex.quote(argument)}"
    return " \\\n  ".join(lines)
