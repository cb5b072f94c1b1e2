"""events.jsonl on a full disk: a line is there whole or not at all, and the next one stands on its own."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from rundir.events import EventWriter, read_events


class FullDisk:
    """os.write of a disk that has room for `room` more bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.write = os.write

    def __call__(self, descriptor: int, content: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self.write(descriptor, bytes(content)[: self.room])
        self.room -= taken
        return taken


class TestFullDisk:
    @pytest.mark.parametrize("room", [0, 1, 40])
    def test_what_did_not_fit_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        path = tmp_path / "events.jsonl"
        writer = EventWriter(path)
        writer.write("started", "One.")
        with monkeypatch.context() as full:
            full.setattr(os, "write", FullDisk(room))
            with pytest.raises(OSError, match="No space left"):
                writer.write("metrics", "Two.")
        writer.write("warning", "Three.")
        writer.close()
        assert [(event.seq, event.message) for event in read_events(path)] == [(1, "One."), (2, "Three.")]

    def test_a_write_in_pieces_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content)[:7]))
        writer = EventWriter(tmp_path / "events.jsonl")
        writer.write("started", "A sentence that takes several writes.")
        writer.close()
        assert [event.message for event in read_events(tmp_path / "events.jsonl")] == [
            "A sentence that takes several writes."
        ]
