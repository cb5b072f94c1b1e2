"""Reading GGUF, llama.cpp's file format (version 3): metadata, and tensors dequantised to float32.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_BLOCK = 32
"""Weights of one quantised block."""


class GGUFError(ValueError):
    """A file that is not what this reader knows, with a sentence."""


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    shape: tuple[int, ...]
    """Rows first, as in numpy."""
    kind: int
    offset: int
    """Bytes from the start of the file."""


class GGUFFile:
    """A mapped file: `metadata` by key, `tensors` by name, and `read(name)`."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 0
        try:
            self.metadata, self.tensors = self._header()
        except (struct.error, UnicodeDecodeError, KeyError, OverflowError):
            raise GGUFError(f"{path.name} is damaged: its header cannot be read.") from None

    def read(self, name: str) -> NDArray[np.float32]:
        """Return a tensor as float32, in its own shape."""
        info = self.tensors[name]
        if info.kind not in _KINDS:
            raise GGUFError(f"The tensor {name} has the GGUF type {info.kind}, which this reader does not know.")
        bytes_a_block, weights_a_block, decode = _KINDS[info.kind]
        count = int(np.prod(info.shape, dtype=np.int64))
        size = count // weights_a_block * bytes_a_block
        if info.shape[-1] % weights_a_block or info.offset + size > len(self._bytes):
            raise GGUFError(f"The tensor {name} does not fit into the file, which seems to be cut short.")
        raw = np.frombuffer(self._bytes, np.uint8, size, info.offset)
        return decode(raw.reshape(-1, bytes_a_block)).reshape(info.shape)

    def _header(self) -> tuple[dict[str, Any], dict[str, TensorInfo]]:
        magic, version = self._bytes[:4], struct.unpack_from("<I", self._bytes, 4)[0]
        if magic != b"GGUF" or version != 3:
            raise GGUFError(f"This is no GGUF file of version 3 (it begins with {magic!r}, version {version}).")
        self._at = 8
        num_tensors, num_keys = self._scalar("<Q"), self._scalar("<Q")
        metadata = {}
        for _ in range(num_keys):
            key = self._string()
            metadata[key] = self._value(self._scalar("<I"))
        found = [self._tensor() for _ in range(num_tensors)]
        alignment = metadata.get("general.alignment", 32)
        start = -(-self._at // alignment) * alignment
        return metadata, {
            name: TensorInfo(shape=shape, kind=kind, offset=start + offset) for name, shape, kind, offset in found
        }

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        shape = tuple(self._scalar("<Q") for _ in range(self._scalar("<I")))
        return name, shape[::-1], self._scalar("<I"), self._scalar("<Q")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, length = self._scalar("<I"), self._scalar("<Q")
            return [self._value(inner) for _ in range(length)]
        return self._scalar(_SCALARS[kind])

    def _string(self) -> str:
        length = self._scalar("<Q")
        text = self._bytes[self._at : self._at + length].decode()
        self._at += length
        return text

    def _scalar(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._bytes, self._at)
        self._at += struct.calcsize(form)
        return value


def _f32(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    return blocks.reshape(-1).view(np.float32)


def _f16(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    return blocks.reshape(-1).view(np.float16).astype(np.float32)


def _q4_1(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Half-precision scale and minimum, then 16 bytes: low nibbles are weights 0–15, high ones 16–31."""
    scale, least = np.ascontiguousarray(blocks[:, :4]).view(np.float16).astype(np.float32).T
    values = np.empty((len(blocks), _BLOCK), np.float32)
    values[:, :16] = blocks[:, 4:] & 0x0F
    values[:, 16:] = blocks[:, 4:] >> 4
    values *= scale[:, None]
    values += least[:, None]
    return values


def _q8_0(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Half-precision scale, then 32 signed bytes."""
    scale = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    return np.ascontiguousarray(blocks[:, 2:]).view(np.int8) * scale


_KINDS: dict[int, tuple[int, int, Callable[[NDArray[np.uint8]], NDArray[np.float32]]]] = {
    0: (4, 1, _f32),
    1: (2, 1, _f16),
    3: (20, _BLOCK, _q4_1),
    8: (34, _BLOCK, _q8_0),
}
"""Bytes of a block, weights of a block, decoder."""
