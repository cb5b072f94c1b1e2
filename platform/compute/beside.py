"""Runs that hold no device: on a node of CPU cores they compute beside the Runs that hold its cores.

A device is one Run's alone. That is right for a training, which keeps its cores busy, and wrong for a model that
answers now and then: it would keep a training from starting, or wait until one has ended. So on cores such a Run is
placed without a device and gets the smaller share of each core, and only while it has something to compute.
"""

import os
from contextlib import suppress
from pathlib import Path

NO_DEVICE = 0
"""What such a Run asks for."""
NICENESS = 5
"""Against 0 of a Run that holds the cores: a quarter of a core that both want, all of one that nobody else wants."""


def step_back(pid: int) -> None:
    """Give a process that waits at its gate, and all that it starts, the smaller share of each core."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    # Where Linux groups processes by session, it is the group's niceness that counts against other sessions.
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))
