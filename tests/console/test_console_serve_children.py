"""The processes of `make serve`: which of them take a core at once, and which wait for their turn."""

import os
import sys
from pathlib import Path

from console.serve import Child, platform_children


def test_only_the_web_takes_a_core_at_once(tmp_path: Path) -> None:
    children = platform_children(home=tmp_path, port=1, host="127.0.0.1", node_queue="q", num_supervisors=1)
    assert [child.name for child in children if not child.is_patient] == ["web"]


def test_a_patient_child_is_scheduled_as_one(tmp_path: Path) -> None:
    for is_patient, policy in ((True, os.SCHED_BATCH), (False, os.SCHED_OTHER)):
        code = "import os; print(os.sched_getscheduler(0))"
        child = Child(
            name="a", command=[sys.executable, "-c", code], environment={}, log=tmp_path / "log", is_patient=is_patient
        )
        child.start()
        assert child.process is not None
        child.process.wait(30)
        assert child.log.read_text().split()[-1] == str(int(policy))
