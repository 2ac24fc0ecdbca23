"""What is said of an entity that does not exist: its other versions, the same name of another kind, what is near, or the place.

Asked only once it is known that it is missing, so what these questions cost does not matter, and that one fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2

from ...model.errors import BridgeError, NotFound
from ...model.ids import EntityKind
from ...model.places import check_domain
from .lists import GENERATED
from .methods import rpc
from .projects import Flyte1Projects

if TYPE_CHECKING:
    from ...calls import Calls
    from ...model.ids import EntityRef

__all__ = ["named", "newest", "what_is_missing"]

_VERSIONS = 3
_NAMES = 1000
_SHOWN = 5
_PAGE = 100


async def what_is_missing(calls: Calls, entity: EntityRef, endpoint: str) -> str:
    """The version, with the newest that exist, or the name, with what was probably meant.

    Args:
        calls: Asks FlyteAdmin.
        entity: A task or launch plan that it does not know.
        endpoint: For the message.
    """
    kind = _word(entity.kind)
    where = f"{entity.project}/{entity.domain} at {endpoint}"
    try:
        if versions := [item.id.version for item in await newest(calls, entity, _VERSIONS)]:
            active = entity.version == "active"
            wanted, way_out = (
                ("active version", "Activate one") if active else (f"version {entity.version!r}", "Register it")
            )
            return (
                f"{kind} {entity.name!r} in {where} has no {wanted}; the newest: {', '.join(versions)}. "
                f"{way_out}, or ask for 'latest'"
            )
        return f"no {kind} {entity.name!r} in {where}; {await _instead(calls, entity)}"
    except BridgeError:  # what is missing is known; what there is instead could not be asked
        version = f"@{entity.version}" if entity.version else ""
        return f"no {kind} '{entity.name}{version}' in {where}"


async def newest(calls: Calls, entity: EntityRef, limit: int) -> Sequence[Any]:
    """Versions of a task or launch plan, newest first, as FlyteAdmin has them."""
    sort = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
    request = common_pb2.ResourceListRequest(id=named(entity), limit=limit, sort_by=sort)
    if entity.kind is EntityKind.TASK:
        return (await calls.unary(rpc("ListTasks"), request)).tasks  # type: ignore[no-any-return]
    return (await calls.unary(rpc("ListLaunchPlans"), request)).launch_plans  # type: ignore[no-any-return]


def named(entity: EntityRef) -> Any:
    """All versions of an entity, for FlyteAdmin."""
    return common_pb2.NamedEntityIdentifier(project=entity.project, domain=entity.domain, name=entity.name)


async def _instead(calls: Calls, entity: EntityRef) -> str:
    from difflib import get_close_matches

    other = EntityKind.LAUNCH_PLAN if entity.kind is EntityKind.TASK else EntityKind.TASK
    if await newest(calls, replace(entity, kind=other, version=None), 1):
        return f"there is a {_word(other)} of that name: '{other.value}:{entity.name}' stands for it"
    method = rpc("ListTaskIds") if entity.kind is EntityKind.TASK else rpc("ListLaunchPlanIds")
    request = common_pb2.NamedEntityIdentifierListRequest(project=entity.project, domain=entity.domain, limit=_NAMES)
    entries = (await calls.unary(method, request)).entities
    names = sorted(item.name for item in entries if not item.name.startswith(GENERATED))
    if near := get_close_matches(entity.name, names, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(map(repr, near))}?"
    if not names:
        return await _place(calls, entity)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are {', '.join(names[:_SHOWN])}{more}"


async def _place(calls: Calls, entity: EntityRef) -> str:
    """Nothing of that kind is there: because the place is wrong, or because nobody has registered anything."""
    project, domain = entity.project or "", entity.domain or ""
    try:
        check_domain(project, domain, await Flyte1Projects(calls, page=_PAGE).domains(project))
    except NotFound as error:
        return error.message
    return f"no {_word(entity.kind)} is registered there yet ('flyte-bridge register' does)"


def _word(kind: EntityKind) -> str:
    return kind.value.replace("_", " ")
