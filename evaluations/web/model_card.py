"""A tuned model's card: Markdown in Hugging Face's shape, from facts that the platform has and from nothing else."""

import json
import re
import shlex
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from catalogue.models import BaseModel
from datasets_app.models import TrainingFile
from evaluations.results.verdicts import verdict_of
from evaluations.web.newest import Newest, newest_of
from evaluations.web.pages import light_of
from jobs.models import FineTuningJob, TunedModel
from jobs.web.command import arguments_of, data_address, shell_lines, training_name
from jobs.web.pages import checkpoints_of, values_of

FILENAME = "README.md"
KNOWN_LICENCES = ("apache-2.0", "mit", "gemma", "llama3", "llama3.1", "llama3.2", "bsd-3-clause", "cc-by-4.0")
"""Of those that Hugging Face has a name for, the ones that occur here; any other is "other" with its name."""
HERE = {"--chat_path": "."}
"""What the command reads from the folder that the card lies in."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def card_of(model: TunedModel) -> str:
    """Return the card, in the reader's language; its keys are Hugging Face's."""
    job, newest = model.job, newest_of(model)
    sections = [
        _front_matter(model),
        f"# {_plain(str(job))}",
        _lead(model),
        *_verdict(job),
        *_figures(newest),
        *_data(job),
        *_base(model.base_model),
        *_lineage(job),
        *_training(job),
        *_command(job),
        *_files(model),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(model: TunedModel) -> str:
    base, job = model.base_model, model.job
    known = base.licence.lower() in KNOWN_LICENCES
    is_adapter = model.result == "adapter"
    lines = [
        ("license", base.licence.lower() if known else "other"),
        *(() if known else (("license_name", base.licence),)),
        *((("license_link", base.licence_url),) if base.licence_url and not known else ()),
        ("base_model", hub_name(base)),
        ("parent", job.parent.get("name", "")),
        ("base_model_relation", "adapter" if is_adapter else "finetune"),
        ("library_name", "peft" if is_adapter else "transformers"),
        ("pipeline_tag", "text-generation"),
        ("datasets", [name for name in (job.file_ids.get("training_name"),) if name]),
        ("language", _languages(job)),
        ("tags", ["luthier", "lora" if is_adapter else "full-fine-tuning"]),
    ]
    return "\n".join(["---", *(_yaml(key, value) for key, value in lines if value), "---"])


def _yaml(key: str, value: str | list[str]) -> str:
    """Return one entry; JSON's quotes are YAML's."""
    if isinstance(value, list):
        return "\n".join([f"{key}:", *(f"- {json.dumps(one, ensure_ascii=False)}" for one in value)])
    return f"{key}: {json.dumps(value, ensure_ascii=False)}"


def hub_name(base: BaseModel) -> str:
    """Return the base's name on Hugging Face, where it has one; else its id here."""
    repos = (source.get("repo") for source in base.sources if source.get("kind") == "huggingface")
    return str(next((repo for repo in repos if repo), base.pk))


def _languages(job: FineTuningJob) -> list[str]:
    """Return those of the recipe that made the data; of other data nothing is known."""
    recipe = job.training_file.recipe if job.training_file is not None else {}
    return list(recipe.get("answers", {}).get("languages", []))


def _lead(model: TunedModel) -> str:
    words = _("%(base)s, fine-tuned on %(data)s with Luthier. It answers in the API as `%(name)s`.")
    if model.result == "adapter":
        words = _("A LoRA adapter for %(base)s, trained on %(data)s with Luthier. It answers in the API as `%(name)s`.")
    data = _plain(str(model.job.file_ids.get("training_name") or "–"))
    return words % {"base": _plain(model.base_model.display_name), "data": data, "name": model.name}


def _lineage(job: FineTuningJob) -> Iterable[str]:
    if job.parent:
        yield _("It was trained further from `%(parent)s`, whose data it has learned before.") % {
            "parent": job.parent["name"]
        }


def _verdict(job: FineTuningJob) -> Iterable[str]:
    found = verdict_of(job)
    light = light_of(found["light"])
    if light is None:
        return
    yield _heading(_("What came of the training"))
    findings = [f"- {_plain(one['message'])}" for one in found["findings"]]
    yield "\n".join([f"**{light['word']}**", "", *findings])


def _figures(newest: Newest | None) -> Iterable[str]:
    figures = newest.figures if newest is not None else []
    if newest is None or not figures:
        return
    yield _heading(_("Evaluation"))
    rows = [
        [
            row.label + (f" ({row.term})" if row.term else ""),
            *(cell.value + (f" ({cell.bounds})" if cell.bounds else "") for cell in row.cells),
        ]
        for row in figures
    ]
    yield _table([_("Measure"), *(one.name for one in newest.subjects)], rows)
    yield _("In brackets the 95 %% interval. Evaluation %(id)s of %(day)s.") % {
        "id": newest.evaluation.pk,
        "day": newest.evaluation.created_at.date().isoformat(),
    }


def _data(job: FineTuningJob) -> Iterable[str]:
    yield _heading(_("Data"))
    rows = [
        [
            _("Training"),
            *_facts_of_file(job.training_file, job.file_ids.get("training_name"), job.training_file_id_shown),
        ]
    ]
    if job.validation_file_id_shown:
        rows.append([_("Validation"), *_facts_of_file(job.validation_file, None, job.validation_file_id_shown)])
    yield _table(["", _("File"), _("Version"), _("Rows"), "SHA-256", "ID"], rows)


def _facts_of_file(file: TrainingFile | None, name: str | None, file_id: str) -> list[str]:
    if file is None:  # deleted since
        return [name or "–", "–", "–", "–", file_id]
    return [file.filename, str(file.version), f"{file.num_rows or 0:,}", f"`{file.sha256}`", file.pk]


def _base(base: BaseModel) -> Iterable[str]:
    yield _heading(_("Base model"))
    licence = _("Licence")
    facts = [f"- {_plain(base.display_name)} (`{hub_name(base)}`)"]
    facts.append(f"- {licence}: {_plain(base.licence)}")
    facts += [f"- SHA-256: `{base.sha256}`"] if base.sha256 else []
    yield "\n".join(facts)


def _training(job: FineTuningJob) -> Iterable[str]:
    yield _heading(_("Training"))
    result = next((row for row in checkpoints_of(job)["checkpoints"] if row["is_result"]), None)
    facts = [
        (_("Steps"), f"{job.current_step:,}"),
        (_("Tokens learned"), f"{job.trained_tokens or 0:,}"),
        (_("Seed"), str(job.seed)),
    ]
    if result is not None:
        facts.append((_("Weights of step"), str(result["step"])))
        facts.append((_("Training loss"), result["train_loss"]))
        facts.append((_("Validation loss"), result["valid_loss"]))
    yield "\n".join(f"- {label}: {value}" for label, value in facts)
    rows = [
        [f"`{one['name']}`", one["value"], _("chosen") if one["is_set"] else _("automatic")] for one in values_of(job)
    ]
    if rows:
        yield _table([_("Hyperparameter"), _("Value"), ""], rows)


def _command(job: FineTuningJob) -> Iterable[str]:
    arguments = arguments_of(job)
    if not arguments:
        return
    given = {**HERE, "--model_name_or_path": hub_name(job.base_model)}
    for option, value in given.items():  # nobody else has this machine's folders
        if option in arguments:
            arguments[arguments.index(option) + 1] = value
    yield _heading(_("Train it again"))
    address = data_address(job)
    kept = shlex.quote(training_name(job))
    fetch = f"curl -f -o {kept} {address} -H 'Authorization: Bearer sk-luthier-…'\n" if address else ""
    yield f"````bash\n{fetch}{shell_lines(arguments)}\n````"


def _files(model: TunedModel) -> Iterable[str]:
    yield _heading(_("Files"))
    facts = [
        (_("SHA-256 of the manifest"), model.sha256),
        (_("SHA-256 of the conversation format"), model.chat_hash),
        (_("Job"), model.job_id),
    ]
    yield "\n".join(f"- {label}: `{value}`" for label, value in facts)


def _heading(text: str) -> str:
    return f"## {text}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    """Return text in which nothing is Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
