"""Tools for jobs, verdicts, evaluations, deployments and questions to models."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from luthier.agents.requests import Requests
from luthier.agents.tools import Arguments, number, text, tool

ENDED = ("succeeded", "failed", "cancelled")
PAUSE_SECONDS = 1.0
JOB = {"job": text("The id of a job, such as ftjob-abc.")}
EVENTS = 20
CHAT = "/v1/chat/completions"


@tool(
    "List base models",
    "Models that can be trained; those whose state is present are here already.",
    "read",
    "data",
    "train",
    "serve",
)
async def list_base_models(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/catalogue")


@tool(
    "List tuned models", "The team's newest tuned models.", "read", "train", takes={"search": text("A part of a name.")}
)
async def list_models(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/models", q=given.get("search", ""), limit=EVENTS)


@tool("List jobs", "The team's newest jobs.", "read", "train")
async def list_jobs(api: Requests, given: Arguments) -> Any:
    return await api.get("/v1/fine_tuning/jobs", limit=EVENTS)


@tool(
    "Start a fine-tuning job",
    "Train a base model on a data set. Leave hyperparameters to the platform unless you have a reason. A dry run "
    "answers with the estimated time, steps and memory. Then call watch_job.",
    "train",
    takes={
        "model": text("A base model; list_base_models has them."),
        "training_file": text("The id of a checked data set."),
        "validation_file": text("A data set to measure on."),
        "suffix": text("A word in the model's name.", maxLength=64),
        "effort": {"enum": ["fast", "balanced", "best"], "description": "How much time it may take."},
        "hyperparameters": {
            "type": "object",
            "description": "n_epochs, learning_rate, lora_dim, …; see the reference.",
        },
        "accelerators": {"type": "integer", "minimum": 1, "description": "How many; default: what fits."},
        "seed": {"type": "integer"},
    },
    needs=("model", "training_file"),
    makes=True,
)
async def start_job(api: Requests, given: Arguments) -> Any:
    body = {name: value for name, value in given.items() if name not in ("dry_run", "effort")}
    if effort := given.get("effort"):
        body["hyperparameters"] = {**body.get("hyperparameters", {}), "effort": effort}
    if given.get("dry_run"):
        return {"dry_run": True, "estimate": await api.post("/api/v1/jobs/estimate", body)}
    return await api.post("/v1/fine_tuning/jobs", body)


@tool(
    "Watch a job",
    "How a job is: state, steps, newest events, and why it waits. Answers at its end, or after `seconds` with "
    "has_ended false: then call again.",
    "read",
    "train",
    takes={**JOB, "seconds": number("How long to wait for its end.", 0, 50, 20)},
    needs=("job",),
)
async def watch_job(api: Requests, given: Arguments) -> Any:
    inside, until = {"job_id": given["job"]}, time.monotonic() + given.get("seconds", 20)
    while True:
        job = await api.get("/v1/fine_tuning/jobs/{job_id}", inside=inside)
        if job["status"] in ENDED or time.monotonic() >= until:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    events = await api.get("/v1/fine_tuning/jobs/{job_id}/events", inside=inside, limit=EVENTS)
    found = {"job": job, "has_ended": job["status"] in ENDED, "newest_events": events["data"]}
    if job["status"] == "queued":
        found["queue"] = await api.get("/api/v1/jobs/{job_id}/queue", inside=inside)
    return found


@tool("Cancel a job", "End a job after its current step.", "train", takes=JOB, needs=("job",), destroys=True)
async def cancel_job(api: Requests, given: Arguments) -> Any:
    inside = {"job_id": given["job"]}
    if given.get("dry_run"):
        return {"dry_run": True, "would_cancel": await api.get("/v1/fine_tuning/jobs/{job_id}", inside=inside)}
    return await api.post("/v1/fine_tuning/jobs/{job_id}/cancel", inside=inside)


@tool(
    "Get the verdict on a job",
    "What the model learned, forgot or leaks, with evidence and the next step; light is null until it was evaluated.",
    "read",
    "train",
    takes=JOB,
    needs=("job",),
)
async def verdict(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/jobs/{job_id}/verdict", inside={"job_id": given["job"]})


@tool(
    "Compare jobs",
    "Settings that differ between two to four jobs, and what came of each.",
    "read",
    "train",
    takes={"jobs": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 4}},
    needs=("jobs",),
)
async def compare_jobs(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/jobs/compare", jobs=",".join(given["jobs"]))


@tool(
    "Evaluate models",
    "Ask models the same questions and measure the answers; get_evaluation has the results.",
    "train",
    takes={
        "models": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 8},
        "file": text("A data set whose answers are right."),
        "prompts": {
            "type": "array",
            "maxItems": 200,
            "items": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["prompt"]}]},
        },
        "baseline": {"type": "boolean", "default": True, "description": "Ask the base model as well."},
    },
    needs=("models",),
    makes=True,
)
async def evaluate(api: Requests, given: Arguments) -> Any:
    body = {"baseline": True, **{name: value for name, value in given.items() if name != "dry_run"}}
    return {"dry_run": True, "body": body} if given.get("dry_run") else await api.post("/api/v1/evaluations", body)


@tool(
    "Get an evaluation",
    "Its progress, and its results with intervals once it has ended.",
    "read",
    "train",
    takes={"evaluation": text("The id of an evaluation.")},
    needs=("evaluation",),
)
async def get_evaluation(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/evaluations/{evaluation_id}", inside={"evaluation_id": given["evaluation"]})


@tool("List deployments", "What is online, and under which names.", "read", "serve")
async def list_deployments(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/deployments")


@tool(
    "Deploy a model",
    "Put a model online under a name that requests can use.",
    "serve",
    takes={
        "model": text("A tuned model, a checkpoint or a base."),
        "name": text("Its name online.", maxLength=60),
        "accelerators": {
            "anyOf": [{"enum": ["shared", "auto"]}, {"type": "integer", "minimum": 1}],
            "default": "shared",
        },
    },
    needs=("model", "name"),
    makes=True,
)
async def deploy(api: Requests, given: Arguments) -> Any:
    body = {name: value for name, value in given.items() if name != "dry_run"}
    return {"dry_run": True, "body": body} if given.get("dry_run") else await api.post("/api/v1/deployments", body)


@tool(
    "Take a deployment down",
    "End a deployment; the model stays.",
    "serve",
    takes={"deployment": text("The id of a deployment.")},
    needs=("deployment",),
    destroys=True,
)
async def undeploy(api: Requests, given: Arguments) -> Any:
    inside = {"deployment_id": given["deployment"]}
    if given.get("dry_run"):
        return {"dry_run": True, "would_end": await api.get("/api/v1/deployments/{deployment_id}", inside=inside)}
    return await api.delete("/api/v1/deployments/{deployment_id}", inside=inside)


@tool(
    "Ask a model",
    "Have a tuned, base or deployed model answer a message.",
    "serve",
    takes={
        "model": text("A model's or a deployment's name."),
        "message": text("What it is asked."),
        "system": text("What it is told beforehand."),
        "max_tokens": number("How long the answer may be.", 1, 4096, 512),
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    },
    needs=("model", "message"),
)
async def ask(api: Requests, given: Arguments) -> Any:
    before = [{"role": "system", "content": given["system"]}] if "system" in given else []
    body = {
        "model": given["model"],
        "messages": [*before, {"role": "user", "content": given["message"]}],
        "max_tokens": given.get("max_tokens", 512),
        **({"temperature": given["temperature"]} if "temperature" in given else {}),
    }
    reply = await api.post(CHAT, body)
    choice = reply["choices"][0]
    found = {"answer": choice["message"]["content"], "finish_reason": choice["finish_reason"], "usage": reply["usage"]}
    return {**found, "model": reply["model"]}
