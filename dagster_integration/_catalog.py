"""What is registered in Flyte, asked for once and kept: in the process, and in a file for the day when Flyte does not answer."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge_core import EntityKind, EntityNotFound, EntityRef, InterfaceSnapshot, InvalidRequest

from .translator import FlyteEntityProps

if TYPE_CHECKING:
    from bridge_core import Client

__all__ = ["Selector", "fetch", "from_snapshot", "from_text", "read_state", "to_text", "write_state"]

Selector = str | Sequence[str] | Callable[[EntityRef], bool]
"""Patterns of names (``"pkg.*"``, beginning with ``!`` to leave out), or a function."""
_MOST = 10_000  # entities of one kind in one project and domain
_AT_ONCE = 16  # questions


def fetch(
    client: Client, kind: EntityKind | str, selector: Selector | None, project: str | None, domain: str | None
) -> list[FlyteEntityProps]:
    """The newest (of launch plans: the active) version of each entity of a kind, by name.

    Raises:
        InvalidRequest: The selector cannot be read.
        BridgeError: Flyte could not be asked.
    """
    chosen = _chooser(selector)
    names = client.list_entities(kind, project=project, domain=domain, limit=_MOST)

    def one(ref: EntityRef) -> FlyteEntityProps | None:
        try:
            return FlyteEntityProps.of(client.get_entity(ref))
        except EntityNotFound:  # a name whose versions were all taken back since
            return None

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="flyte-fetch") as pool:
        found = list(pool.map(one, filter(chosen, names)))
    return [props for props in found if props is not None]


def from_snapshot(
    path: str | Path, kind: EntityKind | str, selector: Selector | None, project: str | None, domain: str | None
) -> list[FlyteEntityProps]:
    """The same out of a file of ``flyte-bridge snapshot``: no network, no login.

    Raises:
        InvalidRequest: The selector or the file cannot be read, or it holds another project, domain or kind.
    """
    chosen = _chooser(selector)
    found = InterfaceSnapshot.read(path)
    for name, wanted, there in (("project", project, found.project), ("domain", domain, found.domain)):
        if wanted not in (None, there):
            raise InvalidRequest(
                f"snapshot {path}: it is of {name} {there!r}, and {name}={wanted!r} is asked for; take one of that {name}"
            )
    if str(getattr(kind, "value", kind)) == EntityKind.WORKFLOW.value:
        raise InvalidRequest(
            f"snapshot {path}: it holds launch plans and tasks; ask for kind='launch_plan', which workflows are launched by"
        )
    return [FlyteEntityProps.of(found.get_entity(ref)) for ref in filter(chosen, found.list_entities(kind))]


def _chooser(selector: Selector | None) -> Callable[[EntityRef], bool]:
    if callable(selector):
        return selector
    patterns = [selector] if isinstance(selector, str) else [] if selector is None else selector
    if not isinstance(patterns, list | tuple) or not all(
        isinstance(pattern, str) and pattern.strip("!") for pattern in patterns
    ):
        raise InvalidRequest(
            f"selector: wanted patterns of names, like 'pkg.*' and '!pkg.old*', or a function; got {selector!r}"
        )
    return lambda ref: ref.matches(patterns)


_FORMAT = 1


def to_text(found: Sequence[FlyteEntityProps]) -> str:
    """As it is kept."""
    return json.dumps({"format": _FORMAT, "entities": [props.to_dict() for props in found]}, separators=(",", ":"))


def from_text(text: str) -> list[FlyteEntityProps]:
    """Reads `to_text`.

    Raises:
        InvalidRequest: It is not ours, or of another release.
    """
    try:
        told: Any = json.loads(text)
        if told["format"] != _FORMAT:
            raise ValueError(f"format {told['format']!r}")
        return [FlyteEntityProps.from_dict(one) for one in told["entities"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidRequest(
            f"state of Flyte: this is not what this release keeps ({error}); delete it, and it is asked for anew"
        ) from None


def write_state(path: Path, found: Sequence[FlyteEntityProps]) -> None:
    """Whole or not at all, whatever dies meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(to_text(found))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_state(path: Path) -> list[FlyteEntityProps]:
    """What was kept.

    Raises:
        InvalidRequest: See `from_text`.
        OSError: There is none.
    """
    return from_text(path.read_text(encoding="utf-8"))
