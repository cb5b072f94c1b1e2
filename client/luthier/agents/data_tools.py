"""Tools for data sets, and for who asks and what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luthier.agents.requests import Requests
from luthier.agents.tools import Arguments, number, text, tool

FEW = 20
MOST_CONTENT = 1_000_000
"""Characters of a data set that a tool takes; larger ones are uploaded by the command line."""
FILE = {"file": text("The id of a data set, such as file-abc.")}


@tool(
    "Who am I",
    "Whose key this is, for which team, what it may do, and when it expires.",
    "read",
    "data",
    "train",
    "serve",
)
async def whoami(api: Requests, given: Arguments) -> Any:
    return await api.get("/api/v1/keys/current")


@tool("List data sets", "The newest data sets with their state.", "read", "data")
async def list_data(api: Requests, given: Arguments) -> Any:
    return await api.get("/v1/files", limit=FEW, order="desc")


@tool(
    "Upload a data set",
    'Upload rows to learn from: JSON Lines of {"messages": [...]}, as OpenAI has them, is best; CSV, ShareGPT and '
    "Alpaca are read as well. The file is checked in the background: call inspect_data until its status is processed.",
    "data",
    takes={
        "filename": text("Its name with an ending, such as chats.jsonl.", maxLength=200),
        "content": text("The file's text.", maxLength=MOST_CONTENT),
        "unused": {
            "enum": ["leave_out", ""],
            "description": "leave_out: columns that nothing reads are left out unasked.",
        },
    },
    needs=("filename", "content"),
    makes=True,
)
async def upload_data(api: Requests, given: Arguments) -> Any:
    name, content = Path(given["filename"]).name, given["content"].encode()
    if given.get("dry_run"):
        return {"dry_run": True, "filename": name, "bytes": len(content), "lines": content.count(b"\n") + 1}
    form: dict[str, Any] = {"file": (name, content), "purpose": "fine-tune"}
    return await api.upload("/v1/files", {**form, **({"unused": given["unused"]} if given.get("unused") else {})})


@tool(
    "Inspect a data set",
    "What the check found: rows, faults by kind with what to do, open questions, and the first rows as messages.",
    "read",
    "data",
    takes={**FILE, "rows": number("How many rows to show.", 0, 20, 3)},
    needs=("file",),
)
async def inspect_data(api: Requests, given: Arguments) -> Any:
    inside = {"file_id": given["file"]}
    found = {"file": await api.get("/api/v1/files/{file_id}", inside=inside)}
    if found["file"]["status"] == "uploaded":
        return found
    groups = await api.get("/api/v1/files/{file_id}/faults/groups", inside=inside)
    rows = given.get("rows", 3)
    if rows and found["file"]["status"] == "processed":
        shown = await api.get("/api/v1/files/{file_id}/rows", inside=inside, limit=rows)
        found["rows"] = shown["data"]
    return {**found, "faults": groups["data"]}


@tool(
    "Repair a data set",
    "Mend faults as a new version; inspect_data lists them. A dry run says what would change.",
    "data",
    takes={**FILE, "repairs": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
    needs=("file", "repairs"),
    makes=True,
)
async def repair_data(api: Requests, given: Arguments) -> Any:
    body = {"repairs": given["repairs"], "preview": bool(given.get("dry_run"))}
    return await api.post("/api/v1/files/{file_id}/repairs", body, inside={"file_id": given["file"]})


@tool("What is left", "The team's quota of accelerators and storage, and what it uses now.", "read")
async def quota(api: Requests, given: Arguments) -> Any:
    key = await api.get("/api/v1/keys/current")
    return await api.get("/api/v1/quotas/{team}", inside={"team": key["team"]})


@tool(
    "What was used",
    "Accelerator time, requests and tokens, by model, day or person.",
    "read",
    takes={
        "from": text("The first day, such as 2026-11-01."),
        "to": text("The last day."),
        "group_by": {"enum": ["model", "day", "user"], "default": "model"},
    },
)
async def usage(api: Requests, given: Arguments) -> Any:
    asked = {name: given[name] for name in ("from", "to") if name in given}
    return await api.get("/api/v1/usage", group_by=given.get("group_by", "model"), **asked)
