"""Rendered conversations on disk, written as a stream and read by memory map.

ids.bin      uint32, little endian: the token ids of all rows, one after another
trained.bin  uint8: 1 where the token is learned
index.bin    uint64, little endian: N+1 offsets into both
meta.json    written last, in one move: without it the cache does not exist
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chat.errors import ChatError
from chat.messages import message
from chat.packing import Packed
from chat.rendered import Rendered
from wording import Message

META = "meta.json"


class TokenCacheWriter:
    """Writes rows one by one in constant memory; nothing counts until `close`."""

    def __init__(self, folder: Path) -> None:
        """Start an empty cache in `folder`, which is created; an earlier cache there ends to exist at once."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / META).unlink(missing_ok=True)
        self.folder = folder
        self.num_rows = self.num_tokens = self.num_trained_tokens = self.max_len = 0
        self._ids = (folder / "ids.bin").open("wb")
        self._trained = (folder / "trained.bin").open("wb")
        self._index = (folder / "index.bin").open("wb")
        self._index.write(bytes(8))

    def add(self, rendered: Rendered) -> None:
        """Append one conversation."""
        length, num_trained = len(rendered.ids), rendered.num_trained
        self._ids.write(np.asarray(rendered.ids, dtype="<u4").tobytes())
        self._trained.write(bytes(rendered.trained))
        self.num_rows += 1
        self.num_tokens += length
        self.num_trained_tokens += num_trained
        self.max_len = max(self.max_len, length)
        self._index.write(self.num_tokens.to_bytes(8, "little"))

    def add_packed(self, packed: Packed) -> None:
        """Append many conversations."""
        if not len(packed.lengths):
            return
        self._ids.write(np.ascontiguousarray(packed.ids, dtype="<u4").data)
        self._trained.write(np.ascontiguousarray(packed.trained, dtype=np.uint8).data)
        ends = self.num_tokens + np.cumsum(packed.lengths)
        self._index.write(ends.astype("<u8").tobytes())
        self.num_rows += len(packed.lengths)
        self.num_tokens += int(packed.lengths.sum())
        self.num_trained_tokens += int(packed.num_trained.sum())
        self.max_len = max(self.max_len, int(packed.lengths.max()))

    def close(self, meta: Mapping[str, Any]) -> None:
        """Make the cache exist. `meta` should hold chat_hash and options; the counts are added here."""
        self._close_files(durable=True)
        counts = {
            "rows": self.num_rows,
            "tokens": self.num_tokens,
            "trained_tokens": self.num_trained_tokens,
            "max_len": self.max_len,
        }
        draft = self.folder / (META + ".part")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({**meta, **counts}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / META)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_files(durable=False)

    def _close_files(self, *, durable: bool) -> None:
        for file in (self._ids, self._trained, self._index):
            if file.closed:
                continue
            file.flush()
            if durable:
                os.fsync(file.fileno())
            file.close()


class TokenCache:
    """Rows of token ids with their mask, mapped from disk. Open it with `TokenCache.open`."""

    def __init__(
        self, ids: NDArray[np.uint32], trained: NDArray[np.bool_], offsets: NDArray[np.int64], meta: dict[str, Any]
    ) -> None:
        self._ids, self._trained, self._offsets = ids, trained, offsets
        self.meta = meta
        """What `TokenCacheWriter.close` was given, with rows, tokens, trained_tokens and max_len."""
        self.lengths: NDArray[np.int64] = np.diff(offsets)
        """int64 [rows]: tokens of each row."""

    @classmethod
    def open(cls, folder: Path) -> "TokenCache":
        """Map the cache in `folder`; ChatError when it is missing or its sizes disagree."""
        meta = _read_meta(folder)
        rows, tokens = meta["rows"], meta["tokens"]
        for name, size in (("ids.bin", 4 * tokens), ("trained.bin", tokens), ("index.bin", 8 * (rows + 1))):
            file = folder / name
            found = file.stat().st_size if file.is_file() else -1
            if found != size:
                raise _damaged(folder, message("cache_file_size", file=name, size=size, found=max(found, 0)))
        offsets = np.fromfile(folder / "index.bin", dtype="<u8").astype(np.int64)
        if offsets[0] != 0 or offsets[-1] != tokens or (np.diff(offsets) < 0).any():
            raise _damaged(folder, message("cache_index_wrong"))
        ids = _mapped(folder / "ids.bin", "<u4", tokens)
        return cls(ids, _mapped(folder / "trained.bin", "?", tokens), offsets, meta)

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, index: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Return the token ids (uint32 [tokens]) and the mask (bool [tokens]) of one row."""
        if not 0 <= index < len(self):
            raise IndexError(f"The cache has {len(self)} rows, so there is no row {index}.")
        start, end = self._offsets[index], self._offsets[index + 1]
        return self._ids[start:end], self._trained[start:end]


def _read_meta(folder: Path) -> dict[str, Any]:
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChatError(message("cache_missing", folder=folder.name)) from None
    except ValueError as error:
        raise _damaged(folder, message("cache_meta_not_json")) from error
    counts = (
        [meta.get(key) for key in ("rows", "tokens", "trained_tokens", "max_len")] if isinstance(meta, dict) else []
    )
    if not counts or not all(isinstance(count, int) and count >= 0 for count in counts):
        raise _damaged(folder, message("cache_meta_incomplete"))
    return meta


def _mapped(file: Path, dtype: str, size: int) -> NDArray[Any]:
    # An empty file cannot be mapped.
    return np.memmap(file, dtype=dtype, mode="r", shape=(size,)) if size else np.empty(0, dtype=dtype)


def _damaged(folder: Path, reason: Message) -> ChatError:
    damaged = message("cache_damaged", folder=folder.name, reason=reason)
    return ChatError(damaged.followed_by(message("tokenise_again")))
