"""Builds the run directory of an evaluation; repeatable after a crash at any point."""

import json
from pathlib import Path

from django.conf import settings

from catalogue.models import BaseModel
from catalogue.services import chat_format
from chat import ChatError, ChatFormat, SystemChoice, TokenCacheWriter, pack, parse_messages
from common.errors import UserError
from common.storage_errors import STORAGE_AWAY
from compute.models import Node, Run
from compute.node.bringing import bring_model
from compute.work import WorkError, trouble
from deployments.replicas import full_model_of
from evaluating.spec import EvaluatedModel, EvaluationSpec
from evaluations.messages import message
from evaluations.models import Evaluation, Question, Sample, Subject
from evaluations.running.checkpoints import leave_out_what_is_gone, spared_questions
from evaluations.running.gathering import gather, work_of
from evaluations.running.known_answers import take_known_answers
from evaluations.running.queueing import max_tokens_of
from jobs.training.checkpoints import Adapter, local_weights
from rundir import RunDirectory, write_atomically, write_json

MAX_CONTEXT = 4096


def prepare(evaluation: Evaluation, run: Run, directory: RunDirectory) -> None:
    """Fill `directory`, spec.json last; WorkError when it cannot be done, TryAgain when not now."""
    try:
        directory.create()
        gather(evaluation)
        if leave_out_what_is_gone(evaluation):
            Evaluation.objects.filter(pk=evaluation.pk).update(num_total=work_of(evaluation))
        take_known_answers(evaluation, run)
        subjects = list(
            evaluation.subjects.select_related("base_model", "adapter__base_model", "checkpoint__job__team")
        )
        for base in {subject.base_model for subject in subjects}:
            if not base.is_present:
                raise WorkError(message("evaluation_base_gone", model=str(base)), code="model_not_present")
            bring_model(base, run)
        models = _Folders(evaluation, subjects, directory).models()
        _write_questions(evaluation, directory)
        write_json(directory.spec, _spec_of(evaluation, run, subjects, models).to_json())
    except (UserError, ChatError) as error:
        raise WorkError(error.message, code=error.code) from error
    except STORAGE_AWAY as error:
        raise trouble(f"Object storage did not give what {evaluation.pk} needs", error) from error


def _spec_of(evaluation: Evaluation, run: Run, subjects: list[Subject], models: list[EvaluatedModel]) -> EvaluationSpec:
    times, devices = settings.TIMES, run.devices()
    answered = spared_questions(evaluation)
    for name, number in Sample.objects.of(evaluation).values_list("subject__name", "question__number"):
        answered[name] = [*answered.get(name, ()), number]
    return EvaluationSpec(
        run_id=run.pk,
        models=models,
        answered=answered,
        measured=[subject.name for subject in subjects if subject.held_out is not None],
        max_tokens=max_tokens_of(evaluation),
        max_model_len=_context_of(subjects),
        threads=None if not devices or devices[0].kind == Node.Kind.CUDA else len(devices),
        lease_checkpoint_seconds=times.lease_checkpoint_seconds,
        lease_timeout_seconds=times.lease_timeout_seconds,
    )


def _context_of(subjects: list[Subject]) -> int:
    """Return the tokens of prompt and answer together that every subject can take."""
    return min(MAX_CONTEXT, *(subject.base_model.context_length or MAX_CONTEXT for subject in subjects))


def _write_questions(evaluation: Evaluation, directory: RunDirectory) -> None:
    asked = evaluation.questions.filter(is_asked=True)
    lines = [
        json.dumps({"number": one.number, "messages": one.messages, "tools": one.tools}, ensure_ascii=False)
        for one in asked
    ]
    write_atomically(directory.root / "questions.jsonl", "\n".join(lines).encode())


class _Folders:
    """Where the weights, the chat files and the held-out rows of each subject are, fetched and written as needed."""

    def __init__(self, evaluation: Evaluation, subjects: list[Subject], directory: RunDirectory) -> None:
        self._subjects, self._directory = subjects, directory
        held_out = evaluation.questions.filter(kind=Question.Kind.HELD_OUT)
        self._rows = [parse_messages(one.whole, one.tools) for one in held_out]
        self._caches: dict[str, str | None] = {}

    def models(self) -> list[EvaluatedModel]:
        return [self._model(subject) for subject in self._subjects]

    def _model(self, subject: Subject) -> EvaluatedModel:
        weights, adapter, probes = str(subject.base_model.path), None, None
        tuned = subject.weights
        if tuned is None and not subject.is_untuned:
            raise WorkError(message("evaluation_model_gone", name=subject.name), code="model_deleted")
        if tuned is not None:
            folder = local_weights(tuned)
            probes = str(folder / "probe") if (folder / "probe").is_dir() else None
            if full_model_of(tuned) is not None:
                weights = str(folder)
            else:
                adapter = str(folder)
        chat = self._chat_folder(subject)
        return EvaluatedModel(
            name=subject.name,
            weights=weights,
            adapter=adapter,
            chat_path=str(chat),
            probe_path=probes,
            held_out=self._held_out(chat),
        )

    def _chat_folder(self, subject: Subject) -> Path:
        """Return what the subject is asked in. A base is asked as what was made of it, so that the training alone
        makes the difference."""
        tuned = subject.weights or self._tuned_beside(subject.base_model)
        if tuned is not None:
            return local_weights(tuned)
        folder = self._directory.root / f"chat-{subject.position}"
        folder.mkdir(exist_ok=True)
        chat_format(subject.base_model, SystemChoice("model_default")).save(folder)
        return folder

    def _tuned_beside(self, base: BaseModel) -> Adapter | None:
        beside = (one.weights for one in self._subjects if one.base_model_id == base.pk and one.weights is not None)
        return next(beside, None)

    def _held_out(self, chat: Path) -> str | None:
        """Return the token cache of the held-out rows in this chat format, as a training would be shown them."""
        if not self._rows:
            return None
        found = ChatFormat.load(chat)
        if found.hash not in self._caches:
            self._caches[found.hash] = self._write_cache(found)
        return self._caches[found.hash]

    def _write_cache(self, chat: ChatFormat) -> str | None:
        folder = self._directory.data / f"held_out-{len(self._caches)}"
        with TokenCacheWriter(folder) as cache:
            for packed in pack(chat, self._rows, max_len=_context_of(self._subjects)):
                learned = packed.select(packed.num_trained > 0)
                if len(learned.lengths):
                    cache.add_packed(learned)
            num_rows = cache.num_rows
            cache.close({"chat_hash": chat.hash})
        return str(folder) if num_rows else None
