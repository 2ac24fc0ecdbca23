"""HTML as values. Text is escaped because it is text; only what `tag` made is markup, so nobody can forget to escape."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

__all__ = ["Content", "Markup", "joined", "link", "tag"]

_VOID = frozenset({"input", "link", "meta", "br"})


class Markup(str):
    """Text that is HTML already. Made by `tag` and `joined` alone."""

    __slots__ = ()


Content = str | int | float | None | Sequence["Content"]
"""What may stand inside a tag. `Markup` goes in as it is, all other text escaped, None not at all."""


def joined(*content: Content) -> Markup:
    """Pieces one after the other."""
    return Markup("".join(_text(piece) for piece in content))


def tag(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """An element.

    Args:
        name: Its tag name.
        *content: What is inside.
        **attributes: A trailing underscore is dropped and the others become hyphens (``class_``, ``aria_label``); None and
            False leave the attribute out, True gives it no value.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(attribute if value is True else f'{attribute}="{escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening) if name in _VOID else Markup(f"{opening}{joined(*content)}</{name}>")


def link(content: Content, url: str, **attributes: str | float | bool | None) -> Markup:
    """A link, when the URL is a path of ours or plain http(s); else only its content: ``javascript:`` is a URL, too."""
    parts = urlsplit(url)
    own = not parts.scheme and not parts.netloc and url.startswith("/")
    if own or parts.scheme in ("http", "https"):
        return tag("a", content, href=url, rel=None if own else "noreferrer", **attributes)
    return joined(content)


def _text(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return content
    if isinstance(content, Sequence) and not isinstance(content, str):
        return "".join(_text(piece) for piece in content)
    return escape(str(content))
