"""Tuned models on this machine's disk."""

import os
from pathlib import Path

from django.conf import settings

from common import artifacts
from common.errors import UserError
from jobs.models import Adapter
from rundir import ManifestError, sha256_of_file
from rundir.manifest import NAME as MANIFEST


def local_folder(adapter: Adapter) -> Path:
    """Return the folder of `adapter` on this machine, fetched from storage and verified when it is not here.

    UserError when storage has lost or damaged it; errors of a storage that is away pass through.
    """
    folder: Path = settings.LUTHIER_HOME / "adapters" / adapter.pk
    try:
        artifacts.fetch_folder(adapter.storage_name, folder)
        if sha256_of_file(folder / MANIFEST) != adapter.sha256:
            raise ManifestError(f"The files of {adapter.name} are not the ones that its training has written.")
        os.utime(folder / MANIFEST)  # when it was last used
    except (ManifestError, FileNotFoundError) as error:
        raise UserError(f"{adapter.name} cannot be loaded: {error}", code="adapter_damaged", status=500) from error
    return folder
