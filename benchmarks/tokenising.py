"""How fast a data set becomes tokens: read, rendered, tokenised, masked, split and written, on all cores.

python -m benchmarks.tokenising [--megabytes N] [--quick]

Theirs is the bare `tokenizers` batch rate: `encode_batch_fast` over texts that are rendered already and lie in memory,
on as many threads as there are cores, nothing kept. Ours is what the platform does before a training: from the stored
JSON Lines to the memory-mapped token cache. Proof of the same work: equal numbers of tokens. `ratio` is our tokens a
second over theirs.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from benchmarks.common import conclude, interleaved, say_machine
from benchmarks.platform import BASE, starter_model
from demo.serving import ROOT

sys.path.insert(1, str(ROOT / "platform"))


BATCH = 1000


def main() -> int:
    """Measure and print; return 0 when both sides saw the same tokens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="20 MB, two runs")
    arguments = parser.parse_args()
    megabytes = 20 if arguments.quick else arguments.megabytes
    starter_model()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "messages.jsonl"
        rows = write_rows(path, megabytes * 1_000_000)
        texts, expected = rendered(path)
        counted: list[int] = []
        ours, theirs = interleaved(
            lambda: by_platform(path, Path(scratch) / "cache", counted),
            lambda: by_tokenizers(texts),
            runs=2 if arguments.quick else 5,
            unit="tokens/s",
        )
    say_machine(
        theirs_with_our_word_cache=round(by_tokenizers(texts, cached_words=100_000)),
        model=BASE, megabytes=megabytes, rows=rows, tokens=expected,
    )  # fmt: skip
    same = set(counted) == {expected}
    conclude("tokenising", ours, theirs, unit="tokens/s", same_work=same)
    return 0 if same else 1


def write_rows(path: Path, num_bytes: int) -> int:
    """Write conversations cut from the texts of the installed packages: English, code, some of everything."""
    rows = written = 0
    with path.open("wb") as file:
        while written < num_bytes:
            for question, answer in passages():
                messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
                line = json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n"
                file.write(line)
                written, rows = written + len(line), rows + 1
                if written >= num_bytes:
                    break
    return rows


def passages() -> Iterator[tuple[str, str]]:
    """Yield pairs of paragraphs."""
    for folder in (Path(os.__file__).parent, ROOT / "docs"):
        for source in sorted(path for ending in ("*.py", "*.md", "*.txt") for path in folder.rglob(ending)):
            found = [part.strip() for part in source.read_text(errors="ignore").split("\n\n")]
            kept = [part for part in found if 40 <= len(part) <= 1500]
            yield from zip(kept[::2], kept[1::2], strict=False)


def chat_format() -> Any:
    from chat import ChatFormat

    return ChatFormat.load(starter_model())


def rendered(path: Path) -> tuple[list[str], int]:
    """Return every row as the template writes it, and how many tokens all of them have."""
    from datasets_app.shapes.examples import Example, open_examples

    chat = chat_format()
    texts = []
    with path.open("rb") as stream:
        found = (item.conversation for item in open_examples(stream, path.name) if isinstance(item, Example))
        kept = [conversation for conversation in found if conversation is not None]
    texts = [chat.text(conversation, generation_prompt=False) for conversation in kept]
    return texts, sum(len(row.ids) for row in chat.render_many(kept))


def by_platform(path: Path, cache: Path, counted: list[int]) -> float:
    """Return our tokens a second, from the file to the finished cache."""
    from chat import TokenCacheWriter
    from datasets_app.shapes.examples import open_examples
    from datasets_app.tokens.pool import num_workers, tokenised
    from datasets_app.tokens.tokenising import Cut, Task, raw_blocks

    started_at = time.perf_counter()
    task = Task(chat_folder="", cut=Cut(max_seq_len=2**20), reading={}, filename=path.name)
    with path.open("rb") as stream, TokenCacheWriter(cache) as writer:
        opened = open_examples(stream, path.name)
        for block in tokenised(raw_blocks(opened), chat=chat_format(), task=task, workers=num_workers()):
            for packed in block.sides.values():
                writer.add_packed(packed)
        writer.close({})
    counted.append(writer.num_tokens)
    return writer.num_tokens / (time.perf_counter() - started_at)


def by_tokenizers(texts: list[str], *, cached_words: int = 0) -> float:
    """Return the bare rate of the library on every core; with `cached_words` its cache of words has our size."""
    from tokenizers import Tokenizer

    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    tokenizer = Tokenizer.from_file(str(starter_model() / "tokenizer.json"))
    if cached_words:
        tokenizer.model._resize_cache(cached_words)
    started_at, tokens = time.perf_counter(), 0
    for start in range(0, len(texts), BATCH):
        found = tokenizer.encode_batch_fast(texts[start : start + BATCH], add_special_tokens=False)
        tokens += sum(len(one) for one in found)
    return tokens / (time.perf_counter() - started_at)


if __name__ == "__main__":
    sys.exit(main())
