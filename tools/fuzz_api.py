"""`make fuzz-api`: ask every operation of the served schema what nobody would, and hold the answers to it.

A web process with database and broker of its own; schemathesis, in an environment of its own, makes requests from
/api/schema, right and wrong ones. An answer of the 5xx kind, a status that the operation does not document, or a body
that its schema does not allow is a failure, and the exit code is 1. What failed is printed as a curl command.

python tools/fuzz_api.py [--seconds 120] [--seed N] [-- options of schemathesis]
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "client"), str(ROOT / "platform")]

from benchmarks.web_process import web_process  # noqa: E402

SCHEMATHESIS = "schemathesis==4.32.5"
"""The fuzzer that reads OpenAPI 3.1; kept out of .venv, which needs none of its 27 packages."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
UV = Path(sys.executable).with_name("uv")


def main() -> int:
    """Start the web process, let schemathesis ask it, and return 1 where an answer was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="of questions")
    parser.add_argument("--seed", type=int, default=None, help="of what chance brings; printed by each run")
    parser.add_argument("more", nargs="*", help="options of schemathesis")
    asked = parser.parse_args()
    seed = random.randrange(10**6) if asked.seed is None else asked.seed  # noqa: S311
    os.environ.setdefault("LUTHIER_TIME_SCALE", "0.05")  # a question waits three seconds for a replica, not a minute
    with tempfile.TemporaryDirectory(prefix="luthier-fuzz-") as home, web_process(Path(home)) as web:
        address, (key, ids) = f"http://127.0.0.1:{web.port}", _world(Path(home))
        known = Path(home) / "schemathesis.toml"
        known.write_text("[parameters]\n" + "".join(f'"path.{name}" = "{found}"\n' for name, found in ids.items()))
        print(f"fuzz-api: twice {asked.seconds // 2} s, --seed {seed}", flush=True)
        options = ["--url", address, "--header", f"Authorization: Bearer {key}", "--checks", CHECKS, "--no-color"]
        options += ["--max-time", str(asked.seconds // 2), "--seed", str(seed), "--continue-on-failure", *asked.more]
        # Deleting would take away what there is, and a question to its model waits for a replica, which nobody starts.
        kept = ["--exclude-method", "DELETE", "--exclude-path-regex", "^/v1/(chat/)?completions$"]
        there = _run(home, ["--config-file", str(known)], f"{address}/api/schema", [*options, *kept])
        anything = _run(home, [], f"{address}/api/schema", options)
    return 1 if there or anything else 0


def _run(home: str, before: list[str], schema: str, options: list[str]) -> int:
    """Let schemathesis ask, about what its configuration names or about anything; return its exit code."""
    uv = shutil.which("uv") or str(UV)
    command = [uv, "tool", "run", "--quiet", SCHEMATHESIS, *before, "run", schema, *options]
    return subprocess.run(command, check=False, cwd=home).returncode  # where it keeps what it has seen


def _world(home: Path) -> tuple[str, dict[str, str]]:
    """Make something of everything; return an administrator's key without rate limits, and ids of what there is."""
    from accounts.models import ApiKey, Scope, Team
    from accounts.rate_limits import NAMES
    from tests.console.world import World
    from tests.jobs.job_makers import write_chat_files

    free = dict.fromkeys(NAMES, 0)
    (home / "chat").mkdir()
    world = World(write_chat_files(home / "chat"))
    world.grow(2)
    Team.objects.filter(pk=world.team.pk).update(limits=free)
    ids = world.ids()
    return ApiKey.issue(user=world.user, team=world.team, name="fuzz", scopes=Scope.values, limits=free)[1], ids


if __name__ == "__main__":
    sys.exit(main())
