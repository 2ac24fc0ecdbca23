"""Reading and copying objects by URI through fsspec, nothing registered globally."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

from ..errors import InvalidRequest

__all__ = ["copy_to", "is_local", "list_files", "open_uri"]


def is_local(uri: str) -> bool:
    """Whether the URI is a plain absolute path (what the embedded Flyte stores) or ``file://``."""
    return uri.startswith(("/", "file://"))


def open_uri(uri: str) -> IO[bytes]:
    """Opens one object for reading.

    Raises:
        InvalidRequest: The object is missing, or no file system for this scheme is installed.
    """
    import fsspec

    try:
        stream: IO[bytes] = fsspec.open(uri, "rb").open()
    except ImportError as error:
        raise InvalidRequest(
            f"{uri} cannot be read: {error}. Extras: pip install 'flyte-bridge[s3]' (or gcs, azure)"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{uri} cannot be read: {error}") from None
    return stream


def copy_to(uri: str, target: Path) -> None:
    """Copies one object to a file, which appears only when it is whole."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open_uri(uri) as source, partial.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def list_files(uri: str) -> list[str]:
    """URIs of all files below a prefix, sorted; the URI itself when it is one file.

    Raises:
        InvalidRequest: Nothing is there.
    """
    import fsspec

    try:
        system, path = fsspec.url_to_fs(uri)
        found = [path] if system.isfile(path) else sorted(system.find(path))
    except (OSError, ImportError, ValueError) as error:
        raise InvalidRequest(f"{uri} cannot be listed: {error}") from None
    if not found:
        raise InvalidRequest(f"nothing is stored at {uri}")
    return [str(system.unstrip_protocol(item)) if not is_local(uri) else str(item) for item in found]
