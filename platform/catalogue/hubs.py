"""Hugging Face and ModelScope: which files a repository has, and streaming them, resumed where they broke off.

Requests go to the configured hub alone, and are redirected only to hosts that belong to it; the access token is sent to
the hub itself and to nobody else.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings

from catalogue.messages import message
from catalogue.progress import Progress
from common.errors import UserError

logger = logging.getLogger(__name__)

WANTED = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer*.json",
          "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jin*",
          "chat_template.json", "*.tiktoken", "LICENSE*")  # fmt: skip
"""What is fetched of a repository: weights in safetensors, settings, tokenizer; never code or pickles."""
HUBS = {
    "huggingface": ("Hugging Face", "HF_ENDPOINT", "https://huggingface.co", ("huggingface.co", "hf.co")),
    "modelscope": ("ModelScope", "MODELSCOPE_ENDPOINT", "https://modelscope.cn", ("modelscope.cn", "aliyuncs.com")),
}
"""Name, environment variable for a mirror, own address, hosts that it stores files at."""
MAX_REDIRECTS = 5
MAX_LISTING_BYTES = 20 * 2**20
CHUNK_BYTES = 1 << 20
HUB_ERROR = "hub_error"
ATTEMPTS = 5
"""Tries of one file, each going on where the last one broke off."""
_TIMEOUT = httpx.Timeout(30, connect=10)


class HubError(UserError):
    """A hub that cannot be reached or refuses, with what to do."""

    status = 502


@dataclass(frozen=True, kw_only=True)
class HubFile:
    name: str
    size: int
    sha256: str
    """Empty where the hub keeps none (small text files)."""


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A hub's addresses."""

    kind: str
    label: str
    endpoint: str
    redirects_to: tuple[str, ...]
    """Host names, with everything below them, to which the hub may send us on."""

    @classmethod
    def named(cls, kind: str) -> "Hub":
        """Return the hub of this kind at its own address, or at the mirror that the settings name."""
        label, variable, usual, hosts = HUBS[kind]
        endpoint = (settings.HUB_MIRRORS[kind] or usual).rstrip("/")
        url = httpx.URL(endpoint)
        if url.scheme != "https" and url.host not in ("127.0.0.1", "localhost"):
            said = message("hub_setting", variable=variable, endpoint=endpoint)
            raise HubError(said, code="bad_setting", status=500)
        return cls(kind=kind, label=label, endpoint=endpoint, redirects_to=hosts)

    def listing_url(self, repo: str, revision: str) -> str:
        if self.kind == "modelscope":
            return f"{self.endpoint}/api/v1/models/{quote(repo)}/repo/files?Revision={quote(revision)}&Recursive=true"
        return f"{self.endpoint}/api/models/{quote(repo)}/tree/{quote(revision, safe='')}?recursive=true"

    def file_url(self, repo: str, revision: str, name: str) -> str:
        middle = "models/" if self.kind == "modelscope" else ""
        return f"{self.endpoint}/{middle}{quote(repo)}/resolve/{quote(revision, safe='')}/{quote(name)}"

    def parse_listing(self, content: Any) -> list[HubFile]:
        """Return the files named by the hub's own JSON."""
        if self.kind == "modelscope":
            rows = [row for row in content["Data"]["Files"] if row.get("Type") != "tree"]
            return [HubFile(name=row["Path"], size=row["Size"], sha256=row.get("Sha256") or "") for row in rows]
        rows = [row for row in content if row.get("type") == "file"]
        return [
            HubFile(name=row["path"], size=row["size"], sha256=(row.get("lfs") or {}).get("oid") or "") for row in rows
        ]


class HubClient:
    """Reads one repository of a hub."""

    def __init__(self, hub: Hub, *, repo: str, revision: str, token: str | None) -> None:
        self._hub, self._repo, self._revision, self._token = hub, repo, revision, token
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)
        self._home = httpx.URL(hub.endpoint)

    def __enter__(self) -> "HubClient":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def files(self) -> list[HubFile]:
        """Return the files to fetch: of the weights, those that the index names, where there is one."""
        try:
            with self._open(self._hub.listing_url(self._repo, self._revision)) as response:
                content = _bounded(response)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        try:
            found = self._hub.parse_listing(json.loads(content))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            raise HubError(message("hub_listing_unreadable", hub=self._hub.label), code=HUB_ERROR) from None
        wanted = [file for file in found if "/" not in file.name and any(fnmatch(file.name, p) for p in WANTED)]
        if any(file.name == "model.safetensors.index.json" or file.name == "model.safetensors" for file in wanted):
            wanted = [f for f in wanted if not f.name.endswith(".safetensors") or f.name.startswith("model")]
        if not any(file.name.endswith(".safetensors") for file in wanted):
            said = message("hub_no_safetensors", repo=self._repo, hub=self._hub.label)
            raise HubError(said, code="no_safetensors")
        return wanted

    def fetch(self, file: HubFile, path: Path, progress: Progress) -> None:
        """Bring `file` to `path`, going on from the bytes that are there; raise HubError unless it is whole."""
        for attempt in range(ATTEMPTS):
            have = path.stat().st_size if path.exists() else 0
            if have > file.size:
                path.unlink()
            elif have == file.size and path.exists():
                break
            try:
                self._append(file, path, progress)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS - 1:
                    raise self._unreachable(error) from None
        if path.stat().st_size != file.size:
            said = message("hub_broke_off", file=file.name, hub=self._hub.label, times=ATTEMPTS)
            raise HubError(said, code=HUB_ERROR)
        if file.sha256 and _sha256(path) != file.sha256:
            path.unlink()
            said = message("hub_wrong_checksum", file=file.name, hub=self._hub.label)
            raise HubError(said, code="wrong_checksum")

    def _append(self, file: HubFile, path: Path, progress: Progress) -> None:
        have = path.stat().st_size if path.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        headers["Accept-Encoding"] = "identity"
        with self._open(self._hub.file_url(self._repo, self._revision, file.name), headers) as response:
            if response.status_code != 206 and have:
                progress.add(-have)
                have = 0
            with path.open("ab" if have else "wb") as stream:
                # As they arrive: a buffer would be lost when the connection breaks.
                for chunk in response.iter_raw():
                    stream.write(chunk)
                    progress.add(len(chunk))
                    if stream.tell() > file.size:
                        said = message("hub_wrong_size", file=file.name, hub=self._hub.label)
                        raise HubError(said, code="wrong_size")

    @contextmanager
    def _open(self, address: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """Open `address`, following the hub's redirects; raise HubError for an answer other than success."""
        url = httpx.URL(address)
        for _ in range(MAX_REDIRECTS + 1):
            self._require_allowed(url)
            with self._client.stream("GET", url, headers=self._headers(url, headers or {})) as response:
                if not response.has_redirect_location:
                    self._require_success(response)
                    yield response
                    return
                url = url.join(response.headers["Location"])
        raise HubError(message("hub_redirects_in_circles", hub=self._hub.label), code=HUB_ERROR)

    def _headers(self, url: httpx.URL, headers: dict[str, str]) -> dict[str, str]:
        if self._token and _origin(url) == _origin(self._home):
            return headers | {"Authorization": f"Bearer {self._token}"}
        return headers

    def _require_allowed(self, url: httpx.URL) -> None:
        if _origin(url) == _origin(self._home):
            return
        belongs = any(url.host == host or url.host.endswith(f".{host}") for host in self._hub.redirects_to)
        if url.scheme != "https" or not belongs or url.port not in (None, 443):
            said = message("hub_redirects_elsewhere", hub=self._hub.label, host=url.host)
            raise HubError(said, code="bad_redirect")

    def _require_success(self, response: httpx.Response) -> None:
        label, status = self._hub.label, response.status_code
        if status in (401, 403):
            raise HubError(message("hub_token_needed", hub=label, repo=self._repo), status=400)
        if status == 404:
            raise HubError(message("not_at_hub", hub=label, repo=self._repo))
        if status not in (200, 206):
            raise HubError(message("hub_failed", hub=label, status=status), code=HUB_ERROR)

    def _unreachable(self, error: Exception) -> HubError:
        logger.warning("%s cannot be reached: %s", self._hub.label, error)
        return HubError(message("hub_away", hub=self._hub.label), code=HUB_ERROR)


def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_LISTING_BYTES:
            raise HubError(message("hub_listing_endless"), code=HUB_ERROR)
    return bytes(content)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
