"""Signs of life: what a worker holds is taken up by another one once it says nothing for a time."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

logger = logging.getLogger(__name__)


@contextmanager
def beating(beat: Callable[[], object], *, seconds: float, what: str) -> Iterator[None]:
    """Call `beat`, which records that `what` is still being worked on, every `seconds` until the work within is done.

    In its own thread: sending gigabytes to storage is one call, which is silent for minutes.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(beat, seconds, what, ended), name=f"beat-{what}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(beat: Callable[[], object], seconds: float, what: str, ended: threading.Event) -> None:
    while not ended.wait(seconds):
        try:
            beat()
        except Error as error:
            logger.warning("The claim on %s was not renewed: %s", what, error)
        connection.close()  # this thread needs one for a moment, every few seconds
