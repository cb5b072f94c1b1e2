"""The run directory's contract: what is where, and how it is written so that a crash leaves nothing half-written.

Pure standard library, so that every side of the seam (Django, trainer, serving, a person's script) can import it.
"""

from rundir.events import Event, EventReader, EventWriter, read_events
from rundir.lease import LeaseWatch, write_lease
from rundir.lock import SupervisorLock
from rundir.manifest import (
    ManifestError,
    newest_step,
    newest_valid_checkpoint,
    sha256_of_file,
    verify_manifest,
    write_manifest,
)
from rundir.paths import RunDirectory, SpecError, write_atomically, write_json

__all__ = [
    "Event",
    "EventReader",
    "EventWriter",
    "LeaseWatch",
    "ManifestError",
    "RunDirectory",
    "SpecError",
    "SupervisorLock",
    "newest_step",
    "newest_valid_checkpoint",
    "read_events",
    "sha256_of_file",
    "verify_manifest",
    "write_atomically",
    "write_json",
    "write_lease",
    "write_manifest",
]
