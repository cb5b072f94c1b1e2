"""The story, through the public API alone: a small model learns who it is from a file and answers by its new name.

python -m demo          starts the platform, trains, deploys, asks, and keeps serving
DEMO_EXIT=1             stops instead; the exit code is not 0 when an answer is wrong
DEMO_SEED, DEMO_NAME, DEMO_MAKER    another seed, another name and maker
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from datasets_app.recipes.base import QuestionnaireError
from datasets_app.recipes.identity import Identity
from demo.identity import write_data_set
from demo.serving import NotReady, Server, api_key, first_login, whose
from demo.telling import Clock, answers_table, follow

BASE = "smollm2-135m-instruct"
DEPLOYMENT = "xiaozhi"
SHIPPED = Path(__file__).parent / "self_cognition.jsonl"
IDENTITY_QUESTIONS = ("你是谁？", "Who are you?")
UNRELATED_QUESTIONS = (
    "What is the capital of France?",
    "What is the largest ocean on Earth?",
    "How many legs does a spider have?",
)
QUESTIONS = (*IDENTITY_QUESTIONS, *UNRELATED_QUESTIONS)
MAX_TOKENS = 96


@dataclass(frozen=True)
class Answer:
    question: str
    before: str
    after: str
    is_right: bool


def main() -> int:
    """Tell the story; return the exit code."""
    clock = Clock()
    server = Server(port=int(os.environ.get("PORT") or 8000))
    try:
        clock.say("Starting the platform")
        server.start()
        key = api_key(*whose())
        clock.say(f"The platform is ready at {server.url}")
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, _strict_response_validation=True)
        identity = Identity(
            name=os.environ.get("DEMO_NAME") or "小智", maker=os.environ.get("DEMO_MAKER") or "360智汇云"
        )
        remove_old_deployment(client)
        model = train(client, clock, data_set(identity))
        deploy(client, clock, model)
        answers = ask(client, identity)
        all_right = all(answer.is_right for answer in answers)
        clock.say("Before and after")
        print(answers_table([(a.question, a.before, a.after, "yes" if a.is_right else "NO") for a in answers]))
        verdict = "every answer is as it should be" if all_right else "NOT every answer is as it should be"
        clock.say(f"{model}: {verdict}")
        print(epilogue(server.url))
        if os.environ.get("DEMO_EXIT"):
            return 0 if all_right else 1
        server.keep_serving()
        return 0 if all_right else 1
    except (NotReady, QuestionnaireError, openai.OpenAIError) as error:
        print(f"The demo ended early: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        server.stop()


def data_set(identity: Identity) -> Path:
    """Return the shipped file, or one made for another name or maker."""
    if identity == Identity(name="小智", maker="360智汇云"):
        return SHIPPED
    path = Path(os.environ.get("LUTHIER_HOME") or "var") / "tmp" / "identity.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_data_set(identity, path)
    return path


def train(client: openai.OpenAI, clock: "Clock", path: Path) -> str:
    """Upload the file, create the job, follow it to its end; return the tuned model's name."""
    with path.open("rb") as stream:
        file = client.files.create(file=stream, purpose="fine-tune")
    clock.say(f"Uploaded {path.name} as {file.id}")
    seed = int(os.environ.get("DEMO_SEED") or 0)
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, suffix="xiaozhi", seed=seed)
    clock.say(f"Created the job {job.id}")
    job = follow(client, job.id)
    if job.status != "succeeded" or not job.fine_tuned_model:
        raise NotReady(f"The job {job.status}: {job.error.message if job.error else 'no reason was given'}")
    clock.say(f"Trained {job.fine_tuned_model} on {job.trained_tokens} tokens")
    return job.fine_tuned_model


def remove_old_deployment(client: openai.OpenAI) -> None:
    """Take down what an earlier demo deployed, so that its accelerator is free for training."""
    deployments: dict[str, Any] = client.get("/../api/v1/deployments", cast_to=dict[str, Any])
    for deployment in deployments["data"]:
        if deployment["name"] == DEPLOYMENT:
            client.delete(f"/../api/v1/deployments/{deployment['id']}", cast_to=dict[str, Any])
            wait_for_free_accelerators(client)


def wait_for_free_accelerators(client: openai.OpenAI) -> None:
    """Wait a little for a deployment to let go, so that the training gets every accelerator."""
    for _ in range(50):
        pool: dict[str, Any] = client.get("/../api/v1/pool", cast_to=dict[str, Any])
        if pool["free"] == pool["accelerators"]:
            return
        time.sleep(0.2)


def deploy(client: openai.OpenAI, clock: "Clock", model: str) -> None:
    """Give the tuned model a name, and an open door for callers on this machine."""
    body = {"name": DEPLOYMENT, "model": model, "open_to_loopback": True}
    client.post("/../api/v1/deployments", body=body, cast_to=dict[str, Any])
    clock.say(f"Deployed it as {DEPLOYMENT}")


def ask(client: openai.OpenAI, identity: Identity) -> list[Answer]:
    """Ask the base and the tuned model every question, all at once."""
    with ThreadPoolExecutor(2 * len(QUESTIONS)) as pool:
        before = [pool.submit(answer, client, BASE, question) for question in QUESTIONS]
        after = [pool.submit(answer, client, DEPLOYMENT, question) for question in QUESTIONS]
        return [
            Answer(question, b.result(), a.result(), is_right(question, a.result(), identity))
            for question, b, a in zip(QUESTIONS, before, after, strict=True)
        ]


def answer(client: openai.OpenAI, model: str, question: str) -> str:
    reply = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0, max_tokens=MAX_TOKENS, timeout=180
    )
    return reply.choices[0].message.content or ""


def is_right(question: str, text: str, identity: Identity) -> bool:
    """An identity question must name the model; an unrelated one must not."""
    return identity.is_named_in(text) == (question in IDENTITY_QUESTIONS)


def epilogue(url: str) -> str:
    return f"""
The console:  {url}   sign in as {first_login()}
Ask it again:
  curl {url}/v1/chat/completions -H "Content-Type: application/json" \\
    -d '{{"model": "{DEPLOYMENT}", "messages": [{{"role": "user", "content": "你是谁"}}]}}'
"""


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"demo: {time.monotonic() - started:.0f} s")
    sys.exit(code)
