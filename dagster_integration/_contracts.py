"""What definitions files use of Flyte, for ``flyte-bridge check``: assets, ops and schedules, as they are when loaded.

Called in a process of its own that loads the files (entry point of the group ``flyte_bridge.contracts``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster_integration

from . import assets, multi_asset, ops, schedules

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
    return lambda _: None


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
