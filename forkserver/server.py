"""A process that imports the heavy libraries once and becomes one Run after another by forking itself.

Importing PyTorch, Transformers and DeepSpeed takes seconds of a core, at the start of each training and each replica.
This process does it once, holds no device and runs no threads, and forks when it is asked to: the fork is then
`python -m MODULE RUN_DIR` in every respect, its own session and its line in the process list included.

It is started as `python -c CODE` with a SOCK_SEQPACKET socket as standard input, over which it is asked, in JSON:

    {"preload": ["trainer.preload"]}                   first; answered by {"ready": true}
    {"module", "run_dir", "environment"} + two files   answered by the fork with {"pid"}: the gate from which it reads a
                                                       line before it begins, and its log

How a fork ended is written into RUN_DIR/exit.json, since only its parent learns that. When the socket is closed the
process ends; its forks live on. Standard library only.
"""

import ctypes
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rundir.paths import write_json

CODE = "import forkserver.server as f;f.main()"
EXIT_FILE = "exit.json"
NEVER_BEGUN = 125
LARGEST_MESSAGE = 1 << 17


def code_for(argv: Sequence[str]) -> str | None:
    """Return CODE, padded so that a fork's command line has exactly the bytes of `argv`; None when it has too few.

    A process can only overwrite its own command line in place: it cannot make it longer, and shorter would leave rests.
    """
    room = len("\0".join(argv[1:]).encode()) - len("-c\0")
    return CODE.ljust(room) if room >= len(CODE) else None


def main() -> NoReturn:
    """Serve until the socket is closed."""
    # Ctrl-C in a terminal is for the platform's own supervisor, which then closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(0))
    for name in json.loads(control.recv(LARGEST_MESSAGE))["preload"]:
        importlib.import_module(name)
    num_threads = len(os.listdir("/proc/self/task"))
    if num_threads != 1:
        # A fork has only the thread that forked: locks that others held would stay locked for ever.
        sys.exit(f"The imported libraries run {num_threads - 1} threads, so this process cannot fork safely.")
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared: the collector writes into no page of it
    children: dict[int, Path] = {}
    news, wake = socket.socketpair()
    for end in (news, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    control.send(json.dumps({"ready": True}).encode())
    _serve(control, (news, wake), children)
    os._exit(0)


def _serve(control: socket.socket, bell: tuple[socket.socket, socket.socket], children: dict[int, Path]) -> None:
    news = bell[0]
    while True:
        ready, _, _ = select.select([control, news], [], [])
        if news in ready:
            news.recv(4096)
            _bury(children)
        if control in ready:
            message, files, _, _ = socket.recv_fds(control, LARGEST_MESSAGE, 2)
            if not message:
                return
            request = json.loads(message)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for end in bell:
                    end.close()
                _become(control, request, *files)
            children[pid] = Path(request["run_dir"])
            for file in files:
                os.close(file)


def _bury(children: dict[int, Path]) -> None:
    """Record how each fork has ended, then let the kernel forget it: those who look for it find the file."""
    while children:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        directory = children.pop(ended.si_pid, None)
        if directory is not None and directory.is_dir():
            try:
                write_json(directory / EXIT_FILE, {"pid": ended.si_pid, "exit_code": code})
            except OSError:
                traceback.print_exc()  # a full disk must not end the server
        os.waitpid(ended.si_pid, 0)


def _become(control: socket.socket, request: Mapping[str, Any], gate: int, log: int) -> NoReturn:
    """Turn this fork into `python -m MODULE RUN_DIR`, once the gate says so."""
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        control.send(json.dumps({"pid": os.getpid()}).encode())
        control.close()
        os.dup2(gate, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for file in (gate, log):
            os.close(file)
        if b"\n" not in os.read(0, 16):
            os._exit(NEVER_BEGUN)
        _settle(request)
        sys.argv = [request["module"], request["run_dir"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _settle(request: Mapping[str, Any]) -> None:
    """Take on the Run's surroundings: input, folder, environment, randomness, and its line in the process list."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.chdir(request["run_dir"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()
    _show_as([sys.executable, "-m", request["module"], request["run_dir"]])


def _show_as(argv: Sequence[str]) -> None:
    """Write `argv` over this process's command line, where the kernel reads it; left as it is when it does not fit."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, 48 and 49 in proc(5)
    line = "\0".join(argv).encode() + b"\0"
    if start and end - start == len(line):
        ctypes.memmove(start, line, len(line))
