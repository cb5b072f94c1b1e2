"""Tokenises blocks of rows on every core: processes of our own that import no Django, fed through pipes.

Threads would not do: templates are rendered and rows parsed in Python.
"""

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from django.conf import settings

from chat import ChatFormat
from datasets_app.tokens.tokenising import Block, BlockError, RawLines, Row, Task, read_frame, write_frame

MOST_WORKERS = 16
"""More would wait for the one that reads and writes."""
AHEAD = 2
"""Blocks under way for each worker."""
ERROR_CHARS = 2000
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""Of the environment; a worker needs no secret."""


class WorkerLost(RuntimeError):
    """A worker ended without an answer."""


def num_workers() -> int:
    """Return how many workers are worth starting: one for each core that this process may use."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)))


def tokenised(given: Iterable[RawLines | list[Row]], *, chat: ChatFormat, task: Task, workers: int) -> Iterator[Block]:
    """Yield what becomes of each block, in order, in bounded memory; BlockError as `tokenising.tokenise`.

    `task.chat_folder` is filled in here. The workers are gone when the iteration ends, however it ends.
    """
    with tempfile.TemporaryDirectory(prefix="chat-", dir=_scratch()) as folder:
        chat.save(Path(folder))
        with _Pool(Task(**{**vars(task), "chat_folder": folder}), workers) as pool:
            pending: deque[Future[Block]] = deque()
            for block in given:
                pending.append(pool.submit(block))
                if len(pending) >= workers * AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


def _scratch() -> Path:
    folder: Path = settings.LUTHIER_HOME / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class _Pool:
    """Worker processes, and a thread for each that writes to it and reads from it."""

    def __init__(self, task: Task, size: int) -> None:
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._workers = [_Worker(task) for _ in range(size)]
        for worker in self._workers:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="tokenising")

    def submit(self, block: RawLines | list[Row]) -> "Future[Block]":
        return self._threads.submit(self._do, block)

    def _do(self, block: RawLines | list[Row]) -> Block:
        worker = self._free.get()
        try:
            return worker.do(block)
        finally:
            self._free.put(worker)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_error: object) -> None:
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)


class _Worker:
    def __init__(self, task: Task) -> None:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(_paths())
        # Its own words go to a file: a full pipe that nobody reads would stop it.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "datasets_app.tokens.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=environment, cwd=settings.BASE_DIR,
        )  # fmt: skip
        self._task: Task | None = task

    def do(self, block: RawLines | list[Row]) -> Block:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if self._task is not None:
                write_frame(self._process.stdin, self._task)
                self._task = None
            write_frame(self._process.stdin, block)
            found = read_frame(self._process.stdout)
        except (EOFError, OSError, ValueError) as error:
            self._said.seek(0)
            said = self._said.read().decode("utf-8", "replace")[-ERROR_CHARS:]
            raise WorkerLost(f"A tokenising worker ended without an answer: {said}") from error
        if isinstance(found, BlockError):
            raise found
        assert isinstance(found, Block)
        return found

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not sent yet cannot be sent any more
                    stream.close()


def _paths() -> list[str]:
    root = Path(settings.BASE_DIR)
    return [str(root), str(root / "platform")]
