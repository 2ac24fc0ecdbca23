"""What definitions files use of Flyte, for ``flyte-bridge check``: assets, ops, sensors and schedules, as they are when loaded.

Called in a process of its own that loads the files (entry point of the group ``flyte_bridge.contracts``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster_integration
from bridge_core import EntityRef, InvalidRequest

from . import assets, multi_asset, ops, run_sensor, schedules, specs
from ._contracts_yaml import read_component

__all__ = ["watch"]


def watch(notes: Any) -> Callable[[Any], None]:
    """Puts hooks on what builds assets, ops and schedules; it notes what they are given.

    Args:
        notes: Takes uses and problems (`bridge_core.contracts.loading.Notes`).
    """
    inside = False

    def hook(module: Any, name: str, note: Callable[[Any, int, Mapping[str, Any]], None]) -> None:
        before = getattr(module, name)
        signature = inspect.signature(before)

        @functools.wraps(before)
        def build(*arguments: Any, **more: Any) -> Any:
            nonlocal inside
            if inside:  # one of them builds with another
                return before(*arguments, **more)
            line, inside = notes.line(), True
            try:
                made = before(*arguments, **more)
            finally:
                inside = False
            given = {**signature.bind(*arguments, **more).arguments}
            note(notes, line, given | given.pop("asset", {}))
            return made

        setattr(module, name, build)
        setattr(dagster_integration, name, build)

    hook(assets, "build_flyte_assets", _asset)
    hook(assets, "flyte_assets", _decorated)
    hook(multi_asset, "build_flyte_multi_asset", _several)
    hook(ops, "flyte_run_op", _op)
    hook(schedules, "build_flyte_schedule", _schedule)
    hook(run_sensor, "build_flyte_run_sensor", _sensor)
    _catalog_of(notes)
    notes.yaml = lambda text: read_component(notes, text)
    return lambda _: None


def _catalog_of(notes: Any) -> None:
    """Specs that a file loads are those of the snapshot that it is checked against, so that nobody is asked."""
    before = specs.load_flyte_asset_specs

    @functools.wraps(before)
    def load(resource: Any = None, **given: Any) -> Any:
        kind, selector = given.get("kind", "launch_plan"), given.get("selector")
        place = {name: given.get(name) or getattr(resource, name, None) for name in ("project", "domain")}
        patterns = (
            (selector,) if isinstance(selector, str) else tuple(selector) if isinstance(selector, list | tuple) else ()
        )
        if patterns:
            notes.selection(
                notes.line(), "load_flyte_asset_specs", kind, patterns=patterns, launches=False, **_texts(place)
            )
        if notes.snapshot is None or given.get("snapshot") is not None:
            return before(resource, **given)
        given.pop("state_file", None)
        try:
            return before(resource, **given, snapshot=notes.snapshot)
        except InvalidRequest as error:
            if not error.message.startswith("snapshot "):
                raise
            return []  # of another place or kind, of which the file knows nothing

    specs.load_flyte_asset_specs = load
    dagster_integration.load_flyte_asset_specs = load


def _texts(place: Mapping[str, Any]) -> dict[str, str | None]:
    """What is a variable of the environment is known when it runs."""
    return {name: value if type(value) is str else None for name, value in place.items()}


def _sensor(notes: Any, line: int, given: Mapping[str, Any]) -> None:
    shown = given.get("metadata_outputs")
    named = tuple(shown) if isinstance(shown, Sequence) and not isinstance(shown, str) else ()
    for name, made in (given.get("assets") or {}).items():
        if "*" in name or "?" in name or "[" in name:
            continue  # a pattern, perhaps of what is yet to come
        parts = (
            {"outputs": made} if isinstance(made, Mapping) else {"specs": made} if isinstance(made, Sequence) else {}
        )
        notes.use(
            line,
            f"sensor of runs of {name}",
            EntityRef.launch_plan(name, **_texts({key: given.get(key) for key in ("project", "domain")})),
            launches=False,
            any_kind=True,
            outputs=tuple(dict.fromkeys((*named, *(() if isinstance(made, str) else _outputs(parts))))),
        )


def _asset(notes: Any, line: int, given: Mapping[str, Any], *, decorated: bool = False) -> None:
    if given.get("register") is not None:
        return
    inputs = given.get("inputs")
    later = decorated or callable(inputs) or given.get("config") is not None
    entity = given["entity"]
    notes.use(
        line,
        f"asset of {entity}",
        entity,
        None if callable(inputs) else inputs,
        unknown_inputs=tuple(name for name in given.get("partition_inputs") or {} if name not in (inputs or {}))
        if not callable(inputs)
        else tuple(given.get("partition_inputs") or {}),
        open=later,
        outputs=tuple(dict.fromkeys(_outputs(given))),
        options=given.get("options"),
    )


def _decorated(notes: Any, line: int, given: Mapping[str, Any]) -> None:
    _asset(notes, line, given, decorated=True)


def _outputs(given: Mapping[str, Any]) -> Iterator[str]:
    """Names of outputs that assets, checks or metadata are made of."""
    yield from given.get("outputs") or {}
    for spec in given.get("specs") or ():
        metadata = spec.metadata or {}
        if "flyte/output" in metadata and "flyte/node" not in metadata:
            found = metadata["flyte/output"]
            yield str(getattr(found, "value", found))
    shown = given.get("metadata_outputs")
    if isinstance(shown, Sequence) and not isinstance(shown, str):
        yield from shown


def _several(notes: Any, line: int, given: Mapping[str, Any]) -> None:
    if given.get("register") is not None:
        return
    for key, run in given["runs"].items():
        notes.use(
            line,
            f"asset {key}",
            run.entity,
            None if callable(run.inputs) else run.inputs,
            open=callable(run.inputs),
            options=run.options or given.get("options"),
        )


def _op(notes: Any, line: int, given: Mapping[str, Any]) -> None:
    if given.get("register") is not None:
        return
    inputs = given.get("inputs")
    ins = [
        name for name, kind in (given.get("ins") or {}).items() if not getattr(kind.dagster_type, "is_nothing", False)
    ]
    notes.use(
        line,
        f"op of {given['entity']}",
        given["entity"],
        None if callable(inputs) else {name: value for name, value in (inputs or {}).items() if name not in ins},
        unknown_inputs=tuple(ins),
        open=callable(inputs) or given.get("config") is not None,
        outputs=tuple(given.get("outputs") or ()),
        options=given.get("options"),
    )


def _schedule(notes: Any, line: int, given: Mapping[str, Any]) -> None:
    trigger = given["trigger"]
    notes.use(line, f"trigger {trigger.name}", trigger.entity, trigger.inputs, options=trigger.options)
