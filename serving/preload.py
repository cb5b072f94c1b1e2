"""What a replica imports, for a process that does so once and is then forked for each: see forkserver.server."""

import serving.server  # noqa: F401
