"""`Client` and `AsyncClient`, `FileAccess` and `AsyncFileAccess` are written out twice, for their readers: they stay equal."""

from __future__ import annotations

import inspect

import pytest

from bridge_core import AsyncClient, AsyncFileAccess, Client, FileAccess

PAIRS = [(Client, AsyncClient), (FileAccess, AsyncFileAccess)]

ONLY_SYNC = {"close"}
"""`AsyncClient` has `aclose`, as httpx's does."""

ONLY_ASYNC = {"aclose", "shared", "renew_with", "poll_age"}
"""One client among many callers of one event loop: blocking callers have threads of their own."""

WITHOUT_COUNTERPART = {"checkpoint"}
"""A checkpoint is written from a task's own code, which blocks."""


def public(cls: type) -> dict[str, object]:
    return {name: member for name, member in vars(cls).items() if not name.startswith("_")}


def signature(member: object) -> list[tuple[str, object, object]]:
    target = member.fget if isinstance(member, property) else member
    parameters = inspect.signature(target).parameters.values()  # type: ignore[arg-type]
    return [(item.name, item.kind, item.default) for item in parameters]


def summary(member: object) -> str:
    return (inspect.getdoc(member) or "").split("\n")[0]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS, ids=lambda cls: cls.__name__)
def test_the_same_verbs(sync: type, asynchronous: type) -> None:
    assert set(public(sync)) - ONLY_SYNC - WITHOUT_COUNTERPART == set(public(asynchronous)) - ONLY_ASYNC
    order = [name for name in public(sync) if name in public(asynchronous)]
    assert order == [name for name in public(asynchronous) if name in public(sync)]


@pytest.mark.parametrize(
    ("sync", "asynchronous", "name"),
    [
        (sync, asynchronous, name)
        for sync, asynchronous in PAIRS
        for name in public(sync)
        if name in public(asynchronous)
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_same_signature_and_summary(sync: type, asynchronous: type, name: str) -> None:
    one, other = public(sync)[name], public(asynchronous)[name]
    assert signature(one) == signature(other)
    assert summary(one) == summary(other) != ""
