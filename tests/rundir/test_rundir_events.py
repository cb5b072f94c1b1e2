"""events.jsonl on a full disk: a line is there whole or not at all, and what is damaged hides nothing behind it."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rundir.events import EventReader, EventWriter, read_events
from wording import Catalogue, as_written, sentence

message = Catalogue({"test_event": sentence("Stopped after step %(step)d: %(reason)s")}).message


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
        assert [(event.seq, str(event.message)) for event in read_events(path)] == [(1, "One."), (2, "Three.")]

    def test_a_write_in_pieces_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content)[:7]))
        writer = EventWriter(tmp_path / "events.jsonl")
        writer.write("started", "A sentence that takes several writes.")
        writer.close()
        assert [str(event.message) for event in read_events(tmp_path / "events.jsonl")] == [
            "A sentence that takes several writes."
        ]


class TestDamagedLines:
    """What an older writer, or a power cut, has left."""

    ONE = b'{"seq": 1, "at": 1.0, "type": "started", "message": "One."}'
    TWO = b'{"seq": 2, "at": 2.0, "type": "metrics", "message": "Two.", "data": {"seq": 9}}'
    THREE = b'{"seq": 3, "at": 3.0, "type": "succeeded", "message": "Three."}'

    @pytest.mark.parametrize(
        ("content", "read"),
        [
            (ONE + b"\n" + TWO[:30] + TWO + b"\n" + THREE + b"\n", [1, 2, 3]),
            (ONE + b"\n" + TWO[:-9] + THREE + b"\n", [1, 3]),
            (ONE + b"\n" + TWO[:30] + b"\n" + THREE + b"\n", [1, 3]),
            (ONE[:20] + b"\n" + TWO + b"\n" + b"\0" * 40 + b"\n" + THREE + b"\n", [2, 3]),
            (b'[]\n{}\n"text"\n\xff\xfe\n\n' + b'{"seq": null, "at": 1, "type": "x"}\n' + THREE + b"\n", [3]),
            (ONE + b"\n" + TWO[:30], [1]),
        ],
        ids=["glued", "glued-in-data", "cut", "nul", "no-events", "unfinished"],
    )
    def test_are_passed_over_and_later_ones_are_not_lost(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, read: list[int]
    ) -> None:
        path = tmp_path / "events.jsonl"
        path.write_bytes(content)
        reader = EventReader(path)
        assert [event.seq for event in reader.read(limit=1)] == read[:1]
        assert [event.seq for event in reader.read()] == read[1:]
        assert reader.offset == content.rfind(b"\n") + 1
        assert [event.seq for event in read_events(path)] == read
        lines = content[: reader.offset].count(b"\n")
        assert ("is no event and is passed over" in caplog.text) == (lines > len(read))

    @pytest.mark.parametrize("damage", [TWO[:30] + TWO, TWO + b"\n" + THREE[:30], TWO + b"\n" + b"\0" * 9])
    def test_a_writer_goes_on_behind_them(self, tmp_path: Path, damage: bytes) -> None:
        path = tmp_path / "events.jsonl"
        path.write_bytes(self.ONE + b"\n" + damage + b"\n" + b'{"seq": 3, "unfinished')
        writer = EventWriter(path)
        assert writer.write("warning", "Next.").seq == 3
        writer.close()
        assert [str(event.message) for event in read_events(path)] == ["One.", "Two.", "Next."]


class TestMessages:
    def test_are_english_for_people_and_a_code_with_parameters_for_programs(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        said = message("test_event", step=3, reason=as_written("The disk is full.")).followed_by(as_written("Do so."))
        EventWriter(path).write("stopped", said, reason="disk")
        line = json.loads(path.read_text())
        assert (line["message"], line["code"]) == (str(said), "test_event")
        assert line["data"] == {"reason": "disk"}
        assert [event.message for event in read_events(path)] == [said]

    def test_of_a_newer_process_are_english(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_bytes(TestDamagedLines.ONE[:-1] + b', "code": "not_known_here", "params": {}}\n')
        assert [event.message for event in read_events(path)] == [as_written("One.")]

    def test_of_a_process_that_writes_no_codes_are_shown_as_written(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text(
            '{"seq": 1, "at": 1.0, "type": "started", "message": "One."}\n{"seq": 2, "at": 2, "type": "x"}\n'
        )
        assert [event.message for event in read_events(path)] == [as_written("One."), None]
