"""What goes wrong in fsspec and the stores' libraries, as errors of ours: each library has errors of its own."""

from __future__ import annotations

import contextlib
import errno
import http.client
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, InvalidRequest, NotFound, PermissionDenied, Unavailable
from ..model.masking import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["translated"]

_HOPELESS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EINVAL,
    errno.EEXIST, errno.ELOOP,
}  # fmt: skip
_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ClientAuthenticationError", "DefaultCredentialsError")
_REJECTED = ("ParamValidationError",)  # of botocore: the bucket's name, say
_REFUSED = (http.client.UNAUTHORIZED, http.client.FORBIDDEN)


@contextlib.contextmanager
def translated(uri: str, *, writing: bool = False) -> Iterator[None]:
    """Raises errors of ours for those of whatever library serves the URI.

    Args:
        uri: For the message.
        writing: Whether what is missing can only be the bucket.

    Raises:
        NotFound: Nothing is there.
        PermissionDenied: Access is refused, or there are no credentials.
        InvalidRequest: It cannot be done, however often it is tried.
        Unavailable: Everything else: trying again may help.
    """
    try:
        yield
    except BridgeError:
        raise
    except Exception as error:  # noqa: BLE001  # told apart by what they say: their libraries may not be installed
        raise _as_ours(uri, error, writing=writing) from None


def _as_ours(uri: str, error: Exception, *, writing: bool) -> BridgeError:
    kind, said = type(error).__name__, shown(error)
    if kind in _CREDENTIALS:
        return PermissionDenied(
            f"{shown(uri)}: no usable credentials ({kind}). Set them in Config (s3, gcs, azure), or where the store's own "
            "library looks"
        )
    status = getattr(error, "status_code", None) or getattr(error, "code", None)  # of azure.core; of gcsfs
    if isinstance(error, FileNotFoundError) or status == http.client.NOT_FOUND:
        missing = f"{shown(uri)} cannot be written: there is no such bucket or container"
        return NotFound(missing if writing else f"nothing is stored at {shown(uri)}")
    # gcsfs has nothing but a text for 403
    if isinstance(error, PermissionError) or status in _REFUSED or said.startswith("Forbidden: "):
        return PermissionDenied(f"the store refuses access to {shown(uri)}: {said}")
    if isinstance(error, OSError):
        return (InvalidRequest if error.errno in _HOPELESS else Unavailable)(f"{shown(uri)}: {said}")
    hopeless = isinstance(error, (ValueError, TypeError, NotImplementedError)) or kind in _REJECTED
    return (InvalidRequest if hopeless else Unavailable)(f"{shown(uri)}: {kind}: {said}")
