"""Names of objects: joining, leaves, random and custom places, what may become an object's name, and what a file name.

Pure text; nothing here asks a store. A URI holds the object's name as it is, as fsspec reads it: no percent-encoding.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..model.errors import InvalidRequest

__all__ = [
    "as_directory",
    "check_key",
    "check_name",
    "custom_path",
    "is_local",
    "is_remote",
    "join",
    "leaf",
    "literal_name",
    "local_path",
    "place_below",
    "places_below",
    "random_name",
    "scheme_of",
]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two characters at least: C:\ is a drive
_CHAINING = {"zip", "tar", "libarchive", "simplecache", "filecache", "blockcache", "cached", "dir", "reference"}
_PATTERN = re.compile(r"[*?\[]")
_VERSION = re.compile(r"\?versionid=", re.IGNORECASE)
_LONGEST_KEY = 1024  # bytes: of S3, of Google and, in characters, of Azure


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


def check_name(name: str, label: str = "") -> None:
    """Whether an object can have this name, so that every reader finds it and no other name becomes the same object.

    Args:
        name: Below its folder; may contain ``/`` for files of a directory.
        label: Which input it is, for messages.

    Raises:
        InvalidRequest: It cannot; says why.
    """
    parts = name.split("/")
    if _leads_out(name) or not name:
        why = "would lead out of its folder"
    elif "" in parts or "." in parts:
        why = "has an empty part or the part '.', which stores, servers and file systems drop"
    elif _VERSION.search(name):
        why = "holds '?versionId=', behind which fsspec looks for a version of the object and not for its name"
    elif not _is_utf8(name):
        why = "is not UTF-8"
    else:
        return
    raise InvalidRequest(f"{label + ': ' if label else ''}file name {name!a} {why}; rename it")


def check_key(key: str) -> None:
    """Whether an object's whole name below its bucket is short enough for every store.

    Raises:
        InvalidRequest: It is too long.
    """
    length = len(key.encode(errors="replace"))
    if length > _LONGEST_KEY:
        raise InvalidRequest(
            f"file {leaf(key)[:80]!a} cannot be stored: with its folders its name has {length} bytes, and object stores take "
            f"{_LONGEST_KEY} ({key[:120]!a}…); shorten the names"
        )


def literal_name(name: str) -> str | None:
    """A name to use instead of one that fsspec takes for a pattern; None when it takes it as it is.

    fsspec's ``get`` and ``cat``, with which flytekit reads the files of a task, expand ``*``, ``?`` and ``[…]``: they find other
    files, or none. Different names stay different, and differ from every name that `literal_name` leaves alone if they lie in
    a folder of their own.
    """
    if not _PATTERN.search(name):
        return None
    return re.sub(r"[*?\[\]%]", lambda found: f"%{ord(found[0]):02X}", name)


def _leads_out(name: str) -> bool:
    """Whether a reader on some system would write it outside of its folder: to Windows a backslash is a slash."""
    return ".." in name.replace("\\", "/").split("/") or name.startswith("/") or "\0" in name


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def places_below(target: Path, names: Iterable[str], source: str) -> list[Path]:
    """Where objects of these relative names go below a local folder, each somewhere else.

    Raises:
        InvalidRequest: One leads out of the folder, or two would be one file, or one a file and another one's folder.
    """
    taken: dict[Path, str] = {}
    folders: dict[Path, str] = {}
    places = []
    for name in names:
        place = place_below(target, name, source)
        others = [taken.get(folder) for folder in (place, *place.parents)] + [folders.get(place)]
        if other := next((found for found in others if found is not None), None):
            raise InvalidRequest(
                f"{source} holds objects named {other!r} and {name!r}, which cannot both be files below {target}; nothing was "
                "written. Read them one by one"
            )
        taken[place] = name
        for folder in place.parents:
            folders.setdefault(folder, name)
        places.append(place)
    return places


def place_below(target: Path, name: str, source: str) -> Path:
    """Where an object of this relative name goes below a local folder.

    Raises:
        InvalidRequest: The name leads out of the folder. Stores do not forbid such names, so whoever wrote the object may have
            meant harm.
    """
    parts = PurePosixPath(name.replace("\\", "/") if os.sep == "\\" else name).parts
    if not parts or _leads_out(name):
        raise InvalidRequest(
            f"{source} holds an object named {name!r}, which would be written outside {target}; nothing was"
        )
    place = target.joinpath(*parts)
    if not place.parent.resolve().is_relative_to(target.resolve()):
        raise InvalidRequest(f"{place} leads out of {target} through a symlink; nothing was written there")
    return place
