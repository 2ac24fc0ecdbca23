"""What a launch would do: the same questions in the same order as `launch.py` asks, and nothing sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..model.errors import Unsupported
from ..model.ids import RunRef
from ..model.launch_preview import LaunchPlanPreview, PlannedInput, PlannedOption
from ..model.provenance import Provenance
from ..model.requests import LaunchRequest, stamped
from ..model.run_errors import AlreadyExists
from ..model.run_names import check_run_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..backends.base import Backend
    from ..config import Config
    from ..model.ids import EntityRef
    from ..model.run_options import RunOptions
    from .data import DataOperations
    from .launch import LaunchOperations, Prepared

__all__ = ["PlanOperations"]

_MAPS = ("labels", "annotations", "env_vars")
_REQUEST, _PLAN, _OURS = "request", "launch plan", "flyte-bridge"


class PlanOperations:
    """The verb that says what a launch would do."""

    def __init__(self, backend: Backend, config: Config, data: DataOperations, launch: LaunchOperations) -> None:
        self._backend = backend
        self._config = config
        self._data = data
        self._launch = launch

    async def plan(self, request: LaunchRequest | EntityRef | str) -> LaunchPlanPreview:
        """What `launch` of the same request would do now.

        Raises:
            Unsupported: It registers first, and what it would launch is not there yet.
            BridgeError: What `launch` would raise before it sends anything, but for a name that is taken.
        """
        request = LaunchRequest.of(request)
        if request.register is not None:
            raise Unsupported(
                f"plan of {request.entity}: it registers first (register=), and a version that is not registered has no "
                "interface to plan with; register with dry_run=True says what that would do, then plan without register="
            )
        await self._backend.ready()
        self._backend.check_options(request.options)
        entity = request.entity.placed(self._config)
        if request.name is None:
            return await self._new(entity, None, request)
        ref = RunRef(entity.project or "", entity.domain or "", check_run_name(request.name))
        found = await self._backend.find(ref)
        if found is None:
            return await self._new(entity, ref, request)
        try:
            prepared = await self._launch.compared(found, entity, request)
        except AlreadyExists as error:
            told: dict[str, Any] = {"differing": error.differing, "reason": error.message}
            if not error.same_entity:  # launching would not get as far as the inputs
                return LaunchPlanPreview(
                    action="clash", entity=entity, ref=ref, inputs={}, existing=found.snapshot, **told
                )
            interface = found.interface or await self._backend.interface(found.launched)
            prepared = await self._launch.prepared(interface, request)
            return self._preview("clash", ref, prepared, request, found.snapshot, **told)
        return self._preview("attach", ref, prepared, request, found.snapshot, entity=found.launched)

    async def _new(self, entity: EntityRef, ref: RunRef | None, request: LaunchRequest) -> LaunchPlanPreview:
        prepared = await self._launch.prepared(await self._backend.interface(entity), request)
        self._backend.check_labels(prepared.interface, _stamped(request))
        return self._preview("launch", ref, prepared, request, None)

    def _preview(
        self, action: str, ref: RunRef | None, prepared: Prepared, request: LaunchRequest, existing: Any, **more: Any
    ) -> LaunchPlanPreview:
        interface = prepared.interface
        bodies = [body for item in prepared.staged for body in item.bodies]
        sends = action == "launch"
        return LaunchPlanPreview(
            action=action,
            ref=ref,
            entity=more.pop("entity", interface.entity),
            inputs=dict(self._inputs(prepared)),
            options=tuple(_options(request.options, _stamped(request), interface)),
            upload_bytes=sum(_size(body.source) for body in bodies) if sends else 0,
            upload_files=len(bodies) if sends else 0,
            existing=existing,
            **more,
        )

    def _inputs(self, prepared: Prepared) -> Iterator[tuple[str, PlannedInput]]:
        """As they would be, with paths where uploads would be."""
        interface, encoded = prepared.interface, prepared.encoded
        resolved = encoded.resolved({item.token: _place(item.source, item.file_name) for item in encoded.uploads})
        for name, literal in interface.fixed.items():
            resolved.literals[name].CopyFrom(literal)
        types = {name: item.var.type for name, item in interface.parameters.items()}
        for name, value in self._data.codec.decode_map(resolved, types, path="inputs").items():
            source = "fixed" if name in interface.fixed else _REQUEST if name in encoded.given else "default"
            yield name, PlannedInput(value=value, source=source)


def _stamped(request: LaunchRequest) -> RunOptions:
    return stamped(request.options, request.provenance or Provenance(source="client"))


def _options(given: RunOptions, whole: RunOptions, interface: Any) -> Iterable[PlannedOption]:
    """What is set, by whom, and over whom; maps key by key."""
    plan: Mapping[str, Any] = {**interface.settings, "labels": interface.labels, "annotations": interface.annotations}
    for field in sorted(item.name for item in fields(given)):
        mine, theirs = getattr(given, field), plan.get(field)
        if field == "env_vars" and mine is not None:
            # FlyteAdmin takes the request's variables instead of the launch plan's, not beside them.
            yield PlannedOption(name=field, value=mine, source=_REQUEST, over=((_PLAN, theirs),) if theirs else ())
        elif field in _MAPS:
            layers = ((_OURS, _added(getattr(whole, field), mine)), (_REQUEST, mine or {}), (_PLAN, theirs or {}))
            yield from _keys(field, layers)
        elif mine is not None:
            over = ((_PLAN, theirs),) if theirs is not None else ()
            yield PlannedOption(name=field, value=mine, source=_REQUEST, over=over)
        elif theirs is not None:
            yield PlannedOption(name=field, value=theirs, source=_PLAN)


def _keys(field: str, layers: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[PlannedOption]:
    for key in sorted({key for _, layer in layers for key in layer}):
        (winner, value), *over = [(source, layer[key]) for source, layer in layers if key in layer]
        yield PlannedOption(name=f"{field}.{key}", value=value, source=winner, over=tuple(over))


def _added(whole: Mapping[str, Any] | None, mine: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What was put to a map of the caller's."""
    return {key: value for key, value in (whole or {}).items() if (mine or {}).get(key) != value}


def _place(source: Any, file_name: str) -> str:
    return f"upload:{file_name}" if isinstance(source, bytes) or not hasattr(source, "__fspath__") else str(source)


def _size(source: Any) -> int:
    return len(source) if isinstance(source, bytes) else int(source.stat().st_size)
