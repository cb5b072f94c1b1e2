"""What object storage says when it does not do what it is asked, and which of it only an administrator can mend."""

import errno

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)

from common.messages import message
from wording import Message

STORAGE_AWAY = (OSError, BotoCoreError, ClientError)
REFUSED, AWAY = "storage_refused", "storage_away"
CREDENTIALS = message("storage_key_refused")
BUCKET = message("storage_bucket_missing")
FILES = message("storage_files_refused")
REFUSALS = {
    **dict.fromkeys(("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), CREDENTIALS),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "AllAccessDisabled", "AccountProblem"), CREDENTIALS),
    **dict.fromkeys(("401", "403", "Forbidden", "Unauthorized"), CREDENTIALS),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName", "PermanentRedirect"), BUCKET),
}
"""By the code of the server's answer; one to HEAD has no code but its status."""


def refusal_of(error: Exception) -> Message | None:
    """Return why this error will not resolve itself; None for one that may."""
    if isinstance(error, ClientError):
        return REFUSALS.get(str(error.response.get("Error", {}).get("Code", "")))
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return CREDENTIALS
    if isinstance(error, ParamValidationError | NoRegionError):
        return BUCKET
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FILES
    return None
