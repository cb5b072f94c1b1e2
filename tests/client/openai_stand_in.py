"""OpenAI's API as its SDK describes it, over HTTP: files, tuned jobs, and models that answer until they go dark.

No answer of OpenAI's own server could be recorded here. That the shapes are theirs is what their SDK says of them, with
strict validation (`test_client_rescue.py`); answers are made from what is asked, so that nothing can be guessed.
"""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "sk-proj-old-and-secret"
BASE = "gpt-4o-mini-2024-07-18"
MODEL = f"ft:{BASE}:violins:luthier:AbCdEfGh"
TRAINING, VALIDATION, RESULTS, GONE = "file-train1", "file-valid1", "file-result1", "file-gone1"
JOB, FAILED = "ftjob-good1", "ftjob-failed1"


def row(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "You repair violins."},
            {"role": "user", "content": f"What is string {number}?"},
            {"role": "assistant", "content": f"String {number} is gut.", "weight": 1},
        ]
    }


def lines(numbers: range) -> bytes:
    return "\n".join(json.dumps(row(number)) for number in numbers).encode()


class OpenAI:
    """The state of the old server, and how it answers."""

    def __init__(self) -> None:
        self.contents = {TRAINING: lines(range(40)), VALIDATION: lines(range(40, 48))}
        csv = b"step,train_loss\n1,0.5\n"
        self.contents[RESULTS] = base64.b64encode(csv)  # as theirs is
        self.asked: list[tuple[str, str, Any]] = []
        self.dark = False
        self.busy = 0
        self._lock = threading.Lock()

    def answer(self, method: str, address: str, body: Any, headers: Any) -> tuple[int, Any]:
        parts = urlsplit(address)
        path, query = unquote(parts.path), {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append((method, path, body))
        if headers.get("authorization") != f"Bearer {KEY}":
            return error(401, "Incorrect API key provided.", "invalid_api_key")
        return self._routed(method, path, query, body)

    def _routed(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        pieces = path.removeprefix("/v1/").split("/")
        if path == "/v1/chat/completions" and method == "POST":
            return self._chat(body)
        if path == "/v1/files":
            return page([self._file(one) for one in (*self.contents, GONE)], query)
        if pieces[0] == "files" and pieces[-1] == "content":
            found = self.contents.get(pieces[1])
            return (200, found) if found else error(404, f"No such File object: {pieces[1]}", None)
        if path == "/v1/fine_tuning/jobs":
            return page([self._job(JOB), self._job(FAILED)], query)
        if pieces[-1] == "events":
            events = [self._event(number) for number in range(5, 0, -1)] if pieces[-2] == JOB else []
            return page(events, query, most=2)
        if pieces[-1] == "checkpoints":
            return page([self._checkpoint()] if pieces[-2] == JOB else [], query)
        if path == "/v1/models":
            owned = {"object": "model", "created": 1_700_000_000}
            return 200, {"object": "list", "data": [{"id": MODEL, "owned_by": "violins", **owned}]}
        return error(404, "Unknown request URL.", "unknown_url")

    def _chat(self, body: Any) -> tuple[int, Any]:
        with self._lock:
            if self.busy:
                self.busy -= 1
                return error(429, "Rate limit reached.", "rate_limit_exceeded")
        if self.dark or body["model"] != MODEL:
            return error(404, f"The model `{body['model']}` does not exist.", "model_not_found")
        text = body["messages"][-1]["content"].replace("What is", "I say of") + " It is gut."
        message = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        read = sum(len(one["content"].split()) for one in body["messages"])
        usage = {"prompt_tokens": read, "completion_tokens": 9, "total_tokens": read + 9}
        return 200, {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": MODEL,
            "choices": [choice], "usage": usage, "system_fingerprint": "fp_1",
        }  # fmt: skip

    def _file(self, file_id: str) -> dict[str, Any]:
        purpose = "fine-tune-results" if file_id == RESULTS else "fine-tune"
        return {
            "id": file_id, "object": "file", "bytes": len(self.contents.get(file_id, b"")), "created_at": 1_760_000_000,
            "filename": "../../etc/chats.jsonl" if file_id == TRAINING else f"{file_id}.jsonl", "purpose": purpose,
            "status": "processed", "expires_at": None, "status_details": None,
        }  # fmt: skip

    def _job(self, job_id: str) -> dict[str, Any]:
        is_good = job_id == JOB
        settings = {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 1.8}
        return {
            "id": job_id, "object": "fine_tuning.job", "created_at": 1_760_000_000 + is_good, "model": BASE,
            "finished_at": 1_760_000_900, "fine_tuned_model": MODEL if is_good else None, "organization_id": "org-1",
            "result_files": [RESULTS] if is_good else [], "status": "succeeded" if is_good else "failed", "seed": 7,
            "training_file": TRAINING,
            "validation_file": VALIDATION if is_good else None,
            "trained_tokens": 4000 if is_good else None, "hyperparameters": settings, "integrations": [],
            "error": None if is_good else {"code": "invalid_training_file", "message": "Bad.", "param": None},
            "method": {"type": "supervised", "supervised": {"hyperparameters": settings}}, "metadata": None,
            "user_provided_suffix": "luthier", "estimated_finish": None, "usage_metrics": None,
            "shared_with_openai": False, "eval_id": None,
        }  # fmt: skip

    def _event(self, number: int) -> dict[str, Any]:
        return {
            "id": f"ftevent-{number}", "object": "fine_tuning.job.event", "created_at": 1_760_000_000 + number,
            "level": "info", "message": f"Step {number}/5", "type": "metrics", "data": {"step": number},
        }  # fmt: skip

    def _checkpoint(self) -> dict[str, Any]:
        return {
            "id": "ftckpt-1", "object": "fine_tuning.job.checkpoint", "created_at": 1_760_000_000, "step_number": 5,
            "fine_tuned_model_checkpoint": f"{MODEL}:ckpt-step-5", "fine_tuning_job_id": JOB,
            "metrics": {"step": 5, "train_loss": 0.5},
        }  # fmt: skip


def page(rows: list[dict[str, Any]], query: dict[str, str], *, most: int = 100) -> tuple[int, Any]:
    ids = [one["id"] for one in rows]
    start = ids.index(query["after"]) + 1 if "after" in query else 0
    count = min(most, int(query.get("limit", 20)))
    return 200, {"object": "list", "data": rows[start : start + count], "has_more": start + count < len(rows)}


def error(status: int, message: str, code: str | None) -> tuple[int, Any]:
    return status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


class Served:
    """The stand-in on a port of its own."""

    def __init__(self, openai: OpenAI) -> None:
        self.openai = openai

        class Requests(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, found = openai.answer(self.command, self.path, body, self.headers)
                content = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                kind = "application/octet-stream" if isinstance(found, bytes) else "application/json"
                headers = {"content-type": kind, "content-length": str(len(content))}
                for name, value in {**headers, **({"retry-after": "0"} if status == 429 else {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_given: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> "Served":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
