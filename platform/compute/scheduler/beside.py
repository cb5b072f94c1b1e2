"""Where Runs start that hold no device: `compute.beside` says why there are any."""

from collections import Counter
from dataclasses import replace

from compute.beside import NO_DEVICE
from compute.scheduler.snapshot import Decision, End, Held, Snapshot, Start, Stop, Wait, Waiting


def parted(snapshot: Snapshot) -> tuple[list[Waiting], list[Held], Snapshot]:
    """Return what waits and what runs without a device, and the snapshot without them: they are in nobody's way."""
    waiting = [run for run in snapshot.waiting if run.accelerators == NO_DEVICE]
    held = [one for one in snapshot.held if not one.device_ids]
    if not waiting and not held:
        return [], [], snapshot
    line = [run for run in snapshot.waiting if run.accelerators != NO_DEVICE]
    return waiting, held, replace(snapshot, waiting=line, held=[one for one in snapshot.held if one.device_ids])


def decide_beside(waiting: list[Waiting], held: list[Held], snapshot: Snapshot) -> list[Decision]:
    """Start each on the node of cores with the fewest of its like: at most one for every core.

    The bound is there for the memory of the node, of which nobody else keeps count. Where it is reached, idle ones give
    way, one for each that waits.
    """
    nodes = {node.node_id: node for node in snapshot.nodes if node.is_open(snapshot.now) and node.kind == "cpu"}
    there = Counter(one.node_id for one in held)
    leaving = sum(one.stopping for one in held)
    idle = [one for one in held if one.idle and not one.stopping and one.node_id in nodes]
    decisions: list[Decision] = []
    for run in waiting:
        open_nodes = [node for node in nodes.values() if there[node.node_id] < len(node.device_ids)]
        if run.stop_requested:
            decisions.append(End(run_id=run.run_id))
        elif open_nodes:
            node = min(open_nodes, key=lambda one: (there[one.node_id], -len(one.device_ids), one.name))
            there[node.node_id] += 1
            decisions.append(Start(run_id=run.run_id, node_id=node.node_id, device_ids=()))
        elif leaving or idle:
            if leaving:
                leaving -= 1
            else:
                decisions.append(Stop(run_id=idle.pop(0).run_id))
            decisions.append(Wait(run_id=run.run_id, explanation={"code": "yielding", "kind": "cpu"}))
        else:
            is_full = any(node.device_ids for node in nodes.values())
            decisions.append(Wait(run_id=run.run_id, explanation={"code": "beside" if is_full else "no_node"}))
    return decisions
