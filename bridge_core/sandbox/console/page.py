"""The frame of every page: head, navigation, and the policy under which a browser runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .html import Content, Markup, joined, link, tag
from .urls import asset_path, list_path

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HEADERS", "page"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Nothing from elsewhere and nothing inline, whatever a name or a value contains."""

_PLACES = (("Runs", ""), ("Workflows", "workflows"), ("Tasks", "tasks"), ("Launch plans", "launchPlans"))
_FLYTE2 = ("Flyte 2", "/v2")


def page(
    title: str,
    *content: Content,
    project: str = "",
    domain: str = "",
    here: str | None = None,
    above: Sequence[Markup] = (),
    running: bool = False,
) -> bytes:
    """A whole page.

    Args:
        title: Its heading.
        *content: Its body.
        project: The project the navigation stays in.
        domain: Its domain.
        here: Which place of the navigation this is.
        above: Links to the pages above this one.
        running: Whether the script asks for it again.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Flyte sandbox"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href=asset_path("console.css")),
        tag("script", src=asset_path("console.js"), defer=True),
    )
    places = [
        tag("li", link(name, list_path(what, project, domain), aria_current="page" if what == here else None))
        for name, what in _PLACES
    ]
    scope = f"{project}/{domain}" if domain else project
    header = tag(
        "header",
        tag("a", "Skip to content", class_="skip", href="#content"),
        link("Flyte sandbox", "/console", class_="brand"),
        tag("nav", tag("ul", places, tag("li", link(*_FLYTE2))), aria_label="Places"),
        tag("span", scope, link("all projects", list_path(here or ""), class_="all"), class_="scope")
        if scope
        else None,
    )
    trail = (
        tag("nav", tag("ol", [tag("li", one) for one in above]), class_="trail", aria_label="Above") if above else None
    )
    main = tag("main", trail, tag("h1", title), *content, id="content", tabindex="-1", data_running=running)
    footer = tag("footer", "One machine, not a cluster. Times are UTC. This console only reads.")
    body = tag("body", header, main, footer)
    return ("<!doctype html>" + tag("html", joined(head, body), lang="en") + "\n").encode()
