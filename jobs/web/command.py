"""A job as the command that trains the same by hand."""

import shlex

from django.conf import settings

from datasets_app.models import TrainingFile
from jobs.models import FineTuningJob
from jobs.training.preparing import PARENT, kept_on_node, trainer_values
from trainer.spec import command_line

OUTPUT_DIR = "output"


def arguments_of(job: FineTuningJob) -> list[str]:
    """Return the DeepSpeed command as a list of arguments; [] while the job has no values yet.

    The rows must be downloaded (`data_address`) to the name that is given as --data_path. --chat_path is the run
    directory's folder with the tokenizer and the template that has the system prompt's choice in it.
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
    model = job.base_model.path
    if job.parent and attempt is not None:
        parent = attempt.run.directory.root / PARENT
        if values["lora_dim"]:
            options["parent_path"] = str(parent)
        else:
            model = parent
    if job.validation_file is not None:
        options["validation_path"] = local_name(job.validation_file)
    world_size = (attempt.world_size if attempt is not None else None) or 1
    return command_line(
        trainer_values(job),
        data_path=training_name(job),
        model_name_or_path=str(model),
        output_dir=OUTPUT_DIR,
        world_size=world_size,
        **options,
    )


def data_address(job: FineTuningJob) -> str | None:
    """Return where the rows are downloaded from, as the trainer by hand reads them; None once they are deleted."""
    if job.training_file is None:
        return None
    kept = "content" if is_read_by_hand(job.training_file) else "examples"
    root = "v1" if kept == "content" else "api/v1"
    return f"{settings.PUBLIC_URL}/{root}/files/{job.training_file.pk}/{kept}"


def is_read_by_hand(file: TrainingFile) -> bool:
    """Return whether the trainer reads the file as it is: conversations in JSON, not packed, not of other columns."""
    is_plain = file.filename.lower().endswith((".jsonl", ".json")) and file.format in ("jsonl", "json")
    return (
        is_plain
        and not file.reading.get("unused")
        and file.shape in ("messages", "conversations")
        and (file.statistics or {}).get("encoding", "utf-8") in ("", "utf-8")
    )


def local_name(file: TrainingFile) -> str:
    """Return the name of a file's rows beside the command."""
    return file.filename if is_read_by_hand(file) else file.rows_filename


def training_name(job: FineTuningJob) -> str:
    """Return the value of --data_path."""
    if job.training_file is not None:
        return local_name(job.training_file)
    return str(job.file_ids.get("training_name") or job.training_file_id_shown)


def command_of(job: FineTuningJob) -> str:
    """Return the command for a shell, one option a line; "" while the job has no values yet."""
    return shell_lines(arguments_of(job))


def shell_lines(arguments: list[str]) -> str:
    """Return a command as a shell reads it, one option a line."""
    lines: list[str] = []
    for argument in arguments:
        if argument.startswith("--") or not lines:
            lines.append(shlex.quote(argument))
        else:
            lines[-1] += f" {shlex.quote(argument)}"
    return " \\\n  ".join(lines)
