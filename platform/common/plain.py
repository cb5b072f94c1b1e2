"""What a process says, as a user may read it: without the folders of the machine that it ran on."""

import re

# A folder of a machine has two parts at least and begins no address: neither https://host/a/b nor /v1/files is one.
_PATH = re.compile(r"(?<![\w.:/~-])/(?!(?:v1|api|admin)/)(?:[^\s/'\"`:,;()]+/)+[^\s/'\"`:,;()]*")


def without_folders(text: str) -> str:
    """Return `text` with the last part alone of each absolute path."""
    return _PATH.sub(_last_part, text)


def _last_part(found: re.Match[str]) -> str:
    path = found[0].rstrip("./")
    end = found[0].removeprefix(path).replace("/", "")  # the full stop of the sentence
    return path.rpartition("/")[2] + end
