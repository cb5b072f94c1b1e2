"""What a node derives from files, row indexes and tokens: where it is kept, and how one process makes it at a time.

Locks end with the process that holds them.
"""

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

SUMMARY = "summary.json"
"""In each folder of tokens, written last."""
MOST_LARGE = 2
"""Large files tokenised at once on a node: each takes every core, so more would only delay each other."""


def rows_folder(file_id: str) -> Path:
    """Return where the index of a file's rows is on this node."""
    return settings.LUTHIER_HOME / "rows" / file_id


class TokensBusy(Exception):
    """Another process is making these tokens, or too many large files are being tokenised: try again later."""


@contextmanager
def building(key: str, *, is_large: bool) -> Iterator[None]:
    """Hold the making of the tokens `key`; small ones are waited for, TokensBusy is raised for larger ones."""
    with ExitStack() as held:
        kind = "tokens-large" if is_large else "tokens-small"
        held.enter_context(_locked([_bucket(kind, key)], waits=not is_large))
        if is_large:
            held.enter_context(_locked([f"tokens-place-{number}" for number in range(MOST_LARGE)], waits=False))
        yield


@contextmanager
def one_at_a_time(kind: str, key: str) -> Iterator[None]:
    """Hold `key` of this kind of work; other processes and threads wait in the meantime."""
    with _locked([_bucket(kind, key)], waits=True):
        yield


def _bucket(kind: str, key: str) -> str:
    # A fixed number of files: a lock that is deleted while another waits for it would be held twice.
    return f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:2]}"


@contextmanager
def _locked(names: Sequence[str], *, waits: bool) -> Iterator[None]:
    """Hold one of these locks."""
    for name in names:
        with _path(name).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield
            return
    raise TokensBusy(f"{', '.join(names)}: held by others.")


def _path(name: str) -> Path:
    folder: Path = settings.LUTHIER_HOME / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.lock"
