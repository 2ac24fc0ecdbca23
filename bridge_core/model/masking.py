"""Text without secrets: the one place that says how a password, a signature or a token is left out of what people read.

Two kinds of care. `shown`, `url_shown` and `host_of` make harmless text of any. `Hidden` is a text that hides itself wherever a
program shows or copies values without asking what they are: ``repr``, `dataclasses.asdict`, tools that print the variables
of a traceback; and that refuses to be pickled.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, NoReturn, Self

from .errors import ConfigError

__all__ = [
    "MASK",
    "Hidden",
    "HiddenBytes",
    "HiddenUrl",
    "WithSecrets",
    "hide_passwords",
    "host_of",
    "shown",
    "url_shown",
]

MASK = "***"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_QUERY = re.compile(r"\?[^\s'\"]+")
_LONGEST = 400


def shown(text: object) -> str:
    """For messages: in one line, not too long, URLs without user, password and query (signatures are secrets)."""
    return _QUERY.sub("?…", _URL.sub(lambda url: url_shown(url[0]), " ".join(str(text).split())))[:_LONGEST]


def url_shown(url: str) -> str:
    """One URL without user, password, query and fragment: ``https://***@host/path?…``."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in place:
        rest = f"{MASK}@{place.rpartition('@')[2]}{rest[len(place) :]}"
    elif "@" in rest and not re.fullmatch(r"(\[[^]]*\]|[^:]*)(:\d*)?", place):  # a password with "/" in it
        rest = f"{MASK}@{rest.rpartition('@')[2]}"
    rest, query, _ = rest.partition("?")
    return f"{scheme}{mark}{rest.partition('#')[0]}{'?…' if query else ''}"


def host_of(url: str) -> str:
    """Host and port of a URL, and nothing else of it."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable address"
    host = parts.hostname or "an address without host"
    return f"[{host}]{port}" if ":" in host else f"{host}{port}"


class _Hiding:
    """How both kinds of text hide themselves."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """What may be seen of it."""
        return MASK

    def __repr__(self) -> str:
        return repr(self.shown)

    def __deepcopy__(self, memo: dict[int, Any]) -> str:
        """For `dataclasses.asdict`, which copies what it finds: the mask. `WithSecrets` keeps real copies whole."""
        return self.shown

    def __reduce__(self) -> NoReturn:
        raise ConfigError(
            "this holds a secret that was given by value (a token, a password, metadata), and such secrets are never pickled. "
            "Give it by reference, Secret(location=FILE) or Secret(env_var=NAME), or send Config.to_mapping() and build the "
            "Config where it is used."
        )


class Hidden(_Hiding, str):
    """A secret that was given by value. A text for whoever uses it; a mask in reprs and in copies as plain data."""

    __slots__ = ()


class HiddenBytes(_Hiding, bytes):
    """The same, of bytes."""

    __slots__ = ()


class HiddenUrl(Hidden):
    """A URL with a password in it: the rest of it may be seen."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """The URL with a mask for user and password."""
        return url_shown(self)


class WithSecrets:
    """What holds such texts: frozen, so that a copy is the thing itself."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def hide_passwords(part: Any) -> None:
    """Makes a `HiddenUrl` of every setting of a frozen dataclass that is a URL with a user in it. For its ``__post_init__``."""
    for item in fields(part):
        given = getattr(part, item.name)
        if type(given) is str and "://" in given and f"{MASK}@" in url_shown(given):
            object.__setattr__(part, item.name, HiddenUrl(given))
