"""Feeds the check of data sets with bytes that a coverage-guided fuzzer makes up, until something breaks.

    python -m tools.fuzz_datasets CORPUS_FOLDER [--seconds 120]

Wants the package `atheris`, which the platform itself does not need. The first byte of an input chooses the file's
name, the rest is the file. What a check may not do: raise, take more than SLOW_SECONDS, or count differently the quick
and the general way.
"""

import argparse
import io
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import atheris  # noqa: E402 - found beside the project

# Its instrumentation miscompiles the generator in `tables`, which is fuzzed all the same, without guidance.
with atheris.instrument_imports(include=["datasets_app", "chat"], exclude=["datasets_app.formats.tables"]):
    from datasets_app.checking.one_pass import check_file_content
    from datasets_app.formats import PACKED, SUFFIXES
    from datasets_app.shapes.examples import open_examples
    from datasets_app.versions.repairs import NAMES, Outcome, repaired

ENDINGS = (*(f".jsonl{packed}" for packed in PACKED), *SUFFIXES, *PACKED)
CASES = ROOT / "tests" / "datasets_app" / "cases"
SLOW_SECONDS = 5.0
MOST_BYTES = 1 << 16


def one_input(data: bytes) -> None:
    """Check one file, and repair it."""
    if not data:
        return
    name, content = f"a{ENDINGS[data[0] % len(ENDINGS)]}", data[1:]
    started_at = time.monotonic()
    report = check_file_content(io.BytesIO(content), filename=name)
    generally = check_file_content(io.BytesIO(content), filename=name, is_quick=False)
    if (report.num_rows, report.num_faults, report.details) != (
        generally.num_rows, generally.num_faults, generally.details,
    ):  # fmt: skip
        raise AssertionError(f"Two ways, two verdicts: {report} and {generally}")
    opened = open_examples(io.BytesIO(content), name)
    outcome = Outcome()
    for _line in repaired(opened.items, opened, NAMES, {}, outcome, shown=3):
        continue
    if outcome.num_faults_after:
        raise AssertionError(f"Faults are left after all repairs: {outcome}")
    if time.monotonic() - started_at > SLOW_SECONDS:
        raise AssertionError(f"{len(content)} bytes took {time.monotonic() - started_at:.1f} s.")


def write_corpus(folder: Path) -> None:
    """Put the known cases into `folder`, each under the name that it has."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in CASES.iterdir():
        ending = next((n for n, suffix in enumerate(ENDINGS) if path.name.endswith(suffix)), None)
        if ending is not None and path.stat().st_size < MOST_BYTES:
            (folder / path.name).write_bytes(bytes([ending]) + path.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a folder of inputs, made if need be and kept between runs")
    parser.add_argument("--seconds", type=int, default=120)
    arguments = parser.parse_args()
    write_corpus(Path(arguments.corpus))
    options = [f"-max_total_time={arguments.seconds}", f"-max_len={MOST_BYTES}", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, arguments.corpus], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
