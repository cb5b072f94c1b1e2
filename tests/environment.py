"""Loaded before pytest-django reads the settings (`-p tests.environment`): the tests' own home and clock."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="luthier-tests-"))
os.environ["LUTHIER_HOME"] = str(HOME)
os.environ["LUTHIER_TIME_SCALE"] = os.environ.get("LUTHIER_TEST_TIME_SCALE", "0.1")
os.environ.setdefault("LUTHIER_EMBEDDED_FSYNC", "off")
# An evaluation after each job would cost every journey seconds: those that are about it ask for one.
os.environ["LUTHIER_EVALUATE_JOBS"] = "0"
# Two test processes share the cores: threads that spin would slow each other down several times.
os.environ["LUTHIER_SHARED_CORES"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
for name in [
    name for name in os.environ if name in ("DATABASE_URL", "BROKER_URL") or name.startswith(("LUTHIER_S3_", "OTEL_"))
]:
    del os.environ[name]

atexit.register(shutil.rmtree, HOME, ignore_errors=True)
