"""A serving run from spec to terminal event."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Generator
from pathlib import Path

import torch
import uvicorn

from machine.answers import can
from machine.facts import Ability
from rundir import EventWriter
from serving.app import Routes
from serving.engine import Engine
from serving.faults import AdapterRefused, ServingFault
from serving.messages import message
from serving.model import choose_dtype, is_out_of_memory, load_model, use_threads
from serving.replica import Replica
from serving.spec import ServingSpec
from serving.stop import StopRequested, StopSwitch
from wording import Message, as_written

log = logging.getLogger("serving")
DRAIN_SECONDS = 5.0
"""What running answers get to finish after SIGTERM."""


def serve(spec: ServingSpec, events: EventWriter, switch: StopSwitch) -> int:
    """Run the replica until it is stopped or fails; write the terminal event and return the exit code."""
    try:
        _serve(spec, events, switch)
    except StopRequested:
        pass
    except ServingFault as fault:
        return _fail(events, fault.code, fault.message)
    except Exception as error:
        if is_out_of_memory(error):
            return _fail(events, "out_of_memory", message("replica_out_of_memory"))
        log.exception("The replica failed.")
        return _fail(events, "internal_error", message("replica_failed_unexpectedly"))
    events.write("stopped", message("replica_stopped"), reason=switch.reason)
    return 0


def _serve(spec: ServingSpec, events: EventWriter, switch: StopSwitch) -> None:
    began = time.monotonic()
    switch.check()
    listener = _bind(spec)
    device = torch.device("cuda" if can(Ability.GPU) else "cpu")
    threads = use_threads(spec.threads)
    dtype = choose_dtype(spec.dtype, device, Path(spec.model_path))
    events.write(
        "started",
        message("replica_loading", model=spec.model_name, device=device.type, dtype=_name(dtype)),
        device=device.type,
        dtype=_name(dtype),
        threads=threads,
        max_model_len=spec.max_model_len,
        max_concurrent=spec.max_concurrent,
    )
    loaded = load_model(
        Path(spec.model_path),
        dtype=dtype,
        device=device,
        max_slots=spec.max_concurrent,
        max_model_len=spec.max_model_len,
    )
    log.info("Model loaded after %.1f s.", time.monotonic() - began)
    switch.check()
    engine = Engine(loaded, max_concurrent=spec.max_concurrent)
    engine.start()
    try:
        replica = Replica(spec, engine, events)
        _prove_all(replica, spec, switch)
        log.info("Proven after %.1f s.", time.monotonic() - began)
        asyncio.run(_listen(replica, listener, events, switch))
    finally:
        listener.close()
        engine.stop()


def _prove_all(replica: Replica, spec: ServingSpec, switch: StopSwitch) -> None:
    """Prove the model itself, then its adapters. An adapter that fails is not served; the others are."""
    replica.prove_own_model()
    for adapter in spec.adapters:
        switch.check()
        try:
            replica.add(adapter.name, adapter.path, has_probes=adapter.has_probes)
        except AdapterRefused as error:
            log.error("%s", error)
    switch.check()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: this process has one switch for all reasons to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _listen(replica: Replica, listener: socket.socket, events: EventWriter, switch: StopSwitch) -> None:
    routes = Routes(replica)
    config = uvicorn.Config(
        routes.app(), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2, ws="none"
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not running.done():
        await asyncio.sleep(0.005)
    host, port = listener.getsockname()[:2]
    names = [model.name for model in replica.models()]
    events.write("ready", message("replica_ready", host=host, port=port), host=host, port=port, models=names)
    while not switch.is_requested and not running.done():
        await asyncio.sleep(0.1)
    await _drain(replica.engine, routes)
    server.should_exit = True
    await running


async def _drain(engine: Engine, routes: Routes) -> None:
    """Let running answers finish, then cut the rest with an error that their clients can read."""
    routes.draining = True
    deadline = time.monotonic() + DRAIN_SECONDS
    while (engine.num_running or engine.num_waiting) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    await asyncio.to_thread(engine.abort, message("answer_cut_off"))


def _bind(spec: ServingSpec) -> socket.socket:
    """Take the port before the model is loaded: a taken one must fail at once."""
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((spec.host, spec.port))
    except OSError as error:
        listener.close()
        reason = as_written(error.strerror or error)
        address = f"{spec.host}:{spec.port}"
        raise ServingFault("port_unavailable", message("port_unavailable", address=address, reason=reason)) from error
    return listener


def _fail(events: EventWriter, code: str, why: Message) -> int:
    log.error("%s", why)
    events.write("failed", why, level="error", code=code)
    return 1


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
