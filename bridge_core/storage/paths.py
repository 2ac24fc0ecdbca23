"""Names of objects: joining, leaves, random and custom places, and what may not become a file name.

Pure text; nothing here asks a store.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path, PurePosixPath

from ..model.errors import InvalidRequest

__all__ = [
    "as_directory",
    "custom_path",
    "is_local",
    "is_remote",
    "join",
    "leaf",
    "local_path",
    "place_below",
    "random_name",
    "scheme_of",
]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two characters at least: C:\ is a drive
_CHAINING = {"zip", "tar", "libarchive", "simplecache", "filecache", "blockcache", "cached", "dir", "reference"}


def scheme_of(uri: str) -> str:
    """``s3``, ``gs``, …; ``file`` for paths.

    Raises:
        InvalidRequest: It chains several (``simplecache::s3://…``).
    """
    match = _SCHEME.match(uri)
    scheme = match[1].lower() if match else "file"
    if ("::" in uri.partition("://")[0] and "://" in uri) or scheme in _CHAINING:
        raise InvalidRequest(f"{uri!r} chains file systems, which is not supported; download the outer one first")
    return scheme


def is_local(uri: str | os.PathLike[str]) -> bool:
    """Whether it is a path of this machine: without scheme, or ``file://``."""
    return scheme_of(os.fspath(uri)) == "file"


def is_remote(uri: str | os.PathLike[str]) -> bool:
    """The opposite of `is_local`."""
    return not is_local(uri)


def local_path(uri: str | os.PathLike[str]) -> Path:
    """The path of a local URI, ``file://`` dropped."""
    text = os.fspath(uri)
    return Path(text[len("file://") :] if text.lower().startswith("file://") else text)


def leaf(uri: str | os.PathLike[str]) -> str:
    """The last component; empty when the text ends in ``/``."""
    return os.fspath(uri).rpartition("/")[2]


def random_name() -> str:
    """128 random bits, as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def join(base: str, *parts: str) -> str:
    """The parts below the base; empty ones are left out."""
    return "/".join([base.rstrip("/") or base, *(part for part in parts if part)])


def as_directory(uri: str) -> str:
    """With exactly one ``/`` at the end."""
    return uri.rstrip("/") + "/"


def custom_path(prefix: str, alt: str | None = None, stem: str | None = None) -> str:
    """A place below a raw output prefix, found as relative URLs are: what follows the prefix's last ``/`` is dropped.

    flytekit drops nothing, because it puts a ``/`` at the end of every prefix; so does who writes one.

    Args:
        prefix: With a ``/`` at the end, or with a last segment to be dropped. A bucket alone is kept.
        alt: Instead of the bucket.
        stem: Instead of a random name.

    Example:
        >>> custom_path("s3://b/default-prefix-part/abc", alt="my-alt-bucket", stem="my-stem")
        's3://my-alt-bucket/default-prefix-part/my-stem'
        >>> custom_path("s3://b/default-prefix-part/", stem="my-stem")
        's3://b/default-prefix-part/my-stem'
    """
    start = _SCHEME.match(prefix)
    if alt and not start:
        raise InvalidRequest(f"raw output prefix {prefix!r} has no bucket that could be replaced")
    bucket, _, path = prefix[start.end() :].partition("/") if start else ("", "", prefix)
    folder, slash, _ = path.rpartition("/")
    head = f"{start[0]}{alt or bucket}/" if start else ""
    return f"{head}{folder}{slash}{stem or random_name()}"


def place_below(target: Path, name: str, source: str) -> Path:
    """Where an object of this relative name goes below a local folder.

    Raises:
        InvalidRequest: The name leads out of the folder. Stores do not forbid such names, so whoever wrote the object may have
            meant harm.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or "\0" in name:
        raise InvalidRequest(
            f"{source} holds an object named {name!r}, which would be written outside {target}; nothing was"
        )
    place = target.joinpath(*parts)
    if not place.parent.resolve().is_relative_to(target.resolve()):
        raise InvalidRequest(f"{place} leads out of {target} through a symlink; nothing was written there")
    return place
