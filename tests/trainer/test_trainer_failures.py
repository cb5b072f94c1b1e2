"""What breaks on a machine is told by its kind, with what to do next, and without folders of the machine."""

import re
import shutil
import struct
from pathlib import Path

import pytest
from trainer_runs import run_here

from trainer.failures import Failure, classify
from wording import as_written

HEADERS = {
    "too long": b"\xff" * 64,
    "no JSON": struct.pack("<Q", 20) + b"not json............" + bytes(64),
    "too short": b"",
}
FOLDER = re.compile(r"(?<![\w.])/\w")


def wrapped(error: BaseException) -> BaseException:
    """Return what a library makes of `error` that tells nothing itself."""
    outer = RuntimeError("Failed to import transformers.models because of an error (look up to see its traceback)")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "code", "named"),
    [
        (RuntimeError("could not create a primitive"), "out_of_memory", "max_seq_len"),
        (RuntimeError("could not create a memory object"), "out_of_memory", "max_seq_len"),
        (RuntimeError("could not create a memory"), "out_of_memory", "max_seq_len"),
        (RuntimeError("[enforce fail] std::bad_alloc"), "out_of_memory", "max_seq_len"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "out_of_memory", "max_seq_len"),
        (OSError(12, "Cannot allocate memory"), "out_of_memory", "max_seq_len"),
        (RuntimeError("could not create a primitive descriptor for a matmul primitive"), "trainer_error", "log"),
        (OSError(28, "No space left on device", "/srv/luthier/runs/7/log.txt"), "disk_full", "Free some space"),
        (wrapped(OSError(28, "No space left on device")), "disk_full", "Free some space"),
        (ModuleNotFoundError("No module named 'peft'", name="peft"), "missing_library", "the Python module peft"),
        (wrapped(ImportError("cannot import name", name="peft", path="/opt/peft.py")), "missing_library", "peft"),
        (
            OSError("/opt/cuda/lib64/libcudart.so.12: cannot open shared object file: No such file or directory"),
            "missing_library",
            "the library libcudart.so.12",
        ),
        (
            ImportError("/usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by /opt/x.so)"),
            "missing_library",
            "the library libstdc++.so.6",
        ),
        (OSError(2, "No such file or directory", "/srv/luthier/models/a/config.json"), "trainer_error", "log"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_kind_has_its_code_and_its_next_step(error: BaseException, code: str, named: str) -> None:
    found = classify(error, step=3)
    assert found.code == code
    assert named in str(found.message)
    assert not FOLDER.search(str(found.message))


@pytest.mark.parametrize(("kept", "said"), [(None, "There is no checkpoint yet."), (8, "The checkpoint after step 8")])
def test_a_full_disk_promises_only_a_checkpoint_that_is_there(kept: int | None, said: str) -> None:
    assert said in str(classify(OSError(28, "No space left on device"), step=9, kept=kept).message)


def test_a_foreseen_failure_that_a_library_wraps_keeps_its_sentence() -> None:
    assert classify(wrapped(Failure("bad_model", as_written("No."))), step=0).code == "bad_model"


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_broken_header_names_the_file_and_the_model(make_run, tmp_path: Path, base_folder: Path, header: bytes):
    model = tmp_path / "cracked"
    shutil.copytree(base_folder, model)
    (model / "model.safetensors").write_bytes(header)
    directory = make_run(spec={"model_path": str(model)})
    failed = run_here(directory)[-1]
    assert failed.data["code"] == "model_damaged"
    assert "model.safetensors of cracked is damaged" in str(failed.message)
    assert "administrator" in str(failed.message)
    assert not FOLDER.search(str(failed.message))
    assert "Traceback" in directory.log.read_text()


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_what_a_model_lacks_is_told_without_the_folder_it_lies_in(make_run, tmp_path: Path, base_folder: Path, lost):
    model = tmp_path / "half"
    shutil.copytree(base_folder, model)
    (model / lost).unlink()
    failed = run_here(make_run(spec={"model_path": str(model)}))[-1]
    assert failed.data["code"] == "bad_model"
    assert not FOLDER.search(str(failed.message))
