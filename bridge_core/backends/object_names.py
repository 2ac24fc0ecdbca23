"""Names of objects <-> what the data proxies of both Flytes make of them.

It builds the place of an upload with Go's ``url.Parse`` and tells it percent-encoded; the object gets the decoded name; what
follows a ``#`` or ``?`` is cut off, and a bare ``%`` is an error (flytestdlib storage/url_path.go). Tasks read with fsspec, which
decodes nothing. So names are asked for percent-encoded, and URIs hold the name that the object has.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from ..model.errors import InvalidRequest

__all__ = ["asked", "asked_uri", "uri_of"]

_CUT = re.compile(r"[%#?\x00-\x1f\x7f]")
"""What ``url.Parse`` takes for something else, or refuses, when it stands in a path as it is."""


def asked(name: str) -> str:
    """How to ask for an object of this name."""
    return quote(name, safe="/=")


def asked_uri(uri: str) -> str:
    """How to ask for the object under this URI. Left alone when the server reads it as it is."""
    if not _CUT.search(uri):
        return uri
    scheme, mark, rest = uri.partition("://") if "://" in uri else ("", "", uri)
    return f"{scheme}{mark}{quote(rest, safe='/=@:+,')}"


def uri_of(told: str, signed_url: str, *, root: str, name: str) -> str:
    """The URI under which the object really lies.

    Args:
        told: The server's ``native_url``.
        signed_url: Where the object is to be put.
        root: Folder that was asked for; empty when the server names it by content.
        name: Object that was asked for.

    Raises:
        InvalidRequest: The server would put it under another name, and so perhaps over another object.
    """
    wanted = f"{root}/{name}" if root else name
    if asked(wanted) == wanted:
        return told
    folders = told.split("/")
    count = wanted.count("/") + 1
    base, tail = folders[:-count], "/".join(folders[-count:])
    if unquote(tail) != wanted or not unquote(urlsplit(signed_url).path).endswith(f"/{wanted}"):
        raise InvalidRequest(
            f"file name {name!a} cannot be stored through this Flyte: asked for {asked(wanted)!r}, it would put it at {told!r}. "
            "Rename it, or set data_upload_location to the store itself (s3://…)"
        )
    return "/".join([*base, wanted])
