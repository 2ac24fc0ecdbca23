"""Assets in Flyte: ``flyte://project/domain/name``. Airflow asks here whether a URI is a good one, and how it is written."""

from __future__ import annotations

from urllib.parse import SplitResult

__all__ = ["sanitize_uri"]

_PARTS = 2


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """One spelling for one thing.

    Raises:
        ValueError: It names no project, no domain or no thing in them.
    """
    parts = [part for part in uri.path.split("/") if part]
    if not uri.netloc or len(parts) < _PARTS:
        raise ValueError(f"URI format flyte:// must be flyte://project/domain/name, got {uri.geturl()!r}")
    if uri.query or uri.fragment:
        raise ValueError(f"a URI of flyte:// has neither query nor fragment, got {uri.geturl()!r}")
    return uri._replace(path="/" + "/".join(parts))
