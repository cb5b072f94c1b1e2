"""Makes an old job anew in Luthier: its files, its settings as they were asked for, and another base."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from luthier.client import Luthier
from luthier.errors import LuthierError
from luthier.rescue.folder import Folder
from luthier.speaking import _
from luthier.uploading import Progress

MADE = "recreated.json"
SETTINGS = ("n_epochs", "batch_size", "learning_rate_multiplier")


@dataclass
class Plan:
    """What the new job will be."""

    old: dict[str, Any]
    body: dict[str, Any]
    uploads: dict[str, str] = field(default_factory=dict)
    """Files of the old server that are not in Luthier yet, and where they lie."""

    def as_json(self) -> dict[str, Any]:
        return {"job": self.old["id"], "body": self.body, "uploads": self.uploads}


def old_job(folder: Folder, named: str | None) -> dict[str, Any]:
    """Return the old job that is meant: by its id or its model's name; without a name the only one that has a model."""
    tuned = folder.tuned()
    if named is not None:
        found = [job for job in folder.jobs() if named in (job["id"], job.get("fine_tuned_model"))]
    else:
        found = tuned
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{job['id']} ({job['fine_tuned_model']})" for job in tuned) or _("none")
    said = _("Say which job is meant: {jobs}.").format(jobs=names)
    raise LuthierError(said, code="which_job")


def plan(folder: Folder, job: dict[str, Any], *, base: str | None, keeps_settings: bool) -> Plan:
    """Return the job as Luthier is to make it; refuse a method that the old job was not supervised by."""
    method = (job.get("method") or {}).get("type", "supervised")
    if method != "supervised":
        said = _("{job} was trained by {method}; supervised jobs alone are made anew.")
        raise LuthierError(said.format(job=job["id"], method=method), code="method_not_supported")
    body: dict[str, Any] = {"model": base or _trained_on(folder, job), "metadata": {"rescued_from": job["id"]}}
    if suffix := job.get("user_provided_suffix") or job.get("suffix"):
        body["suffix"] = suffix
    if isinstance(job.get("seed"), int):
        body["seed"] = job["seed"]
    if keeps_settings and (settings := _settings(job)):
        body["hyperparameters"] = settings
    found = Plan(job, body)
    known = folder.read(MADE, {"files": {}})["files"]
    for name in ("training_file", "validation_file"):
        old = job.get(name)
        if old is None:
            continue
        path = folder.data(old)
        if old in known:
            body[name] = known[old]
        elif path is None:
            said = _("{file} of {job} could not be brought, so the job cannot be made anew.")
            raise LuthierError(said.format(file=old, job=job["id"]), code="file_missing")
        else:
            found.uploads[name] = str(path)
    return found


def recreate(client: Luthier, folder: Folder, planned: Plan, *, progress: Progress) -> dict[str, Any]:
    """Upload what is not there, make the job, and remember both; a job that was made already is returned as it is."""
    made = folder.read(MADE, {"files": {}, "jobs": {}})
    old = planned.old
    known = made["jobs"].get(old["id"])
    if known and known["asked"] == planned.body["model"]:
        return dict(client.api.get_openai_fine_tuning_jobs_job_id(known["job"]))
    body: Any = dict(planned.body)
    for name, path in planned.uploads.items():
        file = client.upload(path, progress=progress)
        body[name] = file["id"]
        made["files"][old[name]] = file["id"]
        folder.write(MADE, made)
        client.wait_for_file(file["id"])
    job = client.api.post_openai_fine_tuning_jobs(body=body)
    made["jobs"][old["id"]] = {"job": job["id"], "asked": body["model"], "server": client.url}
    folder.write(MADE, made)
    return dict(job)


def _trained_on(folder: Folder, job: dict[str, Any]) -> str:
    """Return what the old job trained: its base's name, which Luthier maps; of a tuned model, the one made from it."""
    named, before = str(job["model"]), trained_before(folder, job)
    made = folder.read(MADE, {"jobs": {}})["jobs"].get(before["id"]) if before else None
    if before is not None and not (made and made.get("model")):
        said = _("{job} trained {model} further. Make {before} anew first, or say --base.")
        raise LuthierError(said.format(job=job["id"], model=named, before=before["id"]), code="made_from_another")
    return str(made["model"]) if made else named


def trained_before(folder: Folder, job: dict[str, Any]) -> dict[str, Any] | None:
    """Return the old job whose model this one trained further; None where it began with a base."""
    return next((one for one in folder.tuned() if one["fine_tuned_model"] == job["model"]), None)


def _settings(job: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were numbers; "auto" is left to Luthier."""
    method = (job.get("method") or {}).get("supervised") or {}
    found = {**(job.get("hyperparameters") or {}), **(method.get("hyperparameters") or {})}
    return {name: found[name] for name in SETTINGS if isinstance(found.get(name), (int, float))}


def new_model(client: Luthier, folder: Folder, old: dict[str, Any]) -> str:
    """Return the model that an old job has become, and remember it; refuse one that is not ready."""
    made = folder.read(MADE, {"jobs": {}})
    known = made["jobs"].get(old["id"])
    if known is None:
        said = _("{job} was not made anew yet: “luthier rescue recreate {path} --job {job}”, or say --model.")
        raise LuthierError(said.format(job=old["id"], path=folder.path), code="not_recreated")
    job = client.api.get_openai_fine_tuning_jobs_job_id(known["job"])
    if job["fine_tuned_model"] is None:
        said = _("{job} is {status}. Wait for its end: “luthier watch {job}”.")
        raise LuthierError(said.format(job=job["id"], status=job["status"]), code="not_ready")
    known["model"], known["base"] = job["fine_tuned_model"], job["model"]
    folder.write(MADE, made)
    return str(job["fine_tuned_model"])
