"""`python -m catalogue.conversion SOURCE FOLDER`: exit code 0, or 1 and one sentence on stderr."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalogue.conversion import llama, qwen1
from catalogue.conversion.gguf import GGUFFile


def convert(source: Path, folder: Path) -> None:
    """Write `source` to `folder` as config.json, model.safetensors (bfloat16), tokenizer and chat template."""
    file = GGUFFile(source)
    settings = llama.settings(file)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    (folder / "generation_config.json").write_text(json.dumps(llama.generation_settings(file), indent=2))
    llama.write_tokenizer(file, folder)
    write_weights(file, folder / "model.safetensors")


def write_weights(file: GGUFFile, path: Path) -> None:
    """Write all tensors one after the other, so that only one is in memory at a time."""
    names = sorted(llama.tensor_names(file).items())
    with path.open("wb") as stream:
        stream.write(_header([(name, file.tensors[source].shape) for name, source in names]))
        for _, source in names:
            stream.write(to_bfloat16(llama.read_tensor(file, source)).data)


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the upper halves of float32 numbers, rounded to the nearest and on a tie to the even one."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounding = (bits >> 16) & 1
    rounding += 0x7FFF
    rounding += bits
    rounding >>= 16
    return rounding.astype(np.uint16)


def _header(tensors: list[tuple[str, tuple[int, ...]]]) -> bytes:
    """Return a safetensors header: its length in eight bytes, then JSON padded to a multiple of eight."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in tensors:
        size = 2 * int(np.prod(shape, dtype=np.int64))
        entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("Give a source and a folder: python -m catalogue.conversion SOURCE FOLDER", file=sys.stderr)
        return 2
    source, folder = Path(arguments[0]), Path(arguments[1])
    try:
        if source.is_dir():
            qwen1.convert(source, folder)
        else:
            convert(source, folder)
    except (ValueError, OSError, KeyError) as error:
        print(f"{source.name} cannot be converted: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
