"""What DAG files use of Flyte, for ``flyte-bridge check``: operators, sensors, watchers, outputs, as they are when parsed.

Called in a process of its own that loads the files (entry point of the group ``flyte_bridge.contracts``).
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, XComArg

from bridge_core import BridgeError, EntityRef, Trigger

from ._shared.outputs import RESERVED
from ._shared.run_search import RunSearch
from .decorators.flyte import _DecoratedFlyteRunOperator
from .operators.flyte import FlyteDeployTriggerOperator, FlyteRunOperator
from .sensors.flyte import FlyteRunSensor
from .triggers.flyte import FlyteRunEventTrigger

__all__ = ["MARK", "watch"]

MARK = "airflow"
"""Files without this word are no DAG files."""


def watch(notes: Any) -> Callable[[Any], None]:
    """Puts hooks on our operators; what it returns notes what a loaded file uses.

    Args:
        notes: Takes uses and problems (`bridge_core.contracts.loading.Notes`).
    """
    made: list[tuple[Any, int]] = []
    for kind in (FlyteRunOperator, FlyteRunSensor, FlyteDeployTriggerOperator):
        _hook(kind, "__init__", lambda operator: made.append((operator, notes.line())))
    watches: list[tuple[Any, int]] = []
    _hook(FlyteRunEventTrigger, "__init__", lambda trigger: watches.append((trigger, notes.line())))
    entered: list[Any] = []
    _hook(DAG, "__enter__", entered.append)  # by ``with`` and ``@dag``; others are names of the file

    def after(module: Any) -> None:
        lines = {id(operator): line for operator, line in made}
        dags = {id(dag): dag for operator, _ in made if (dag := operator.get_dag()) is not None}
        dags |= {id(item): item for item in (*entered, *vars(module).values()) if isinstance(item, DAG)}
        written = _Written(notes.file)
        for dag in dags.values():
            for task in dag.task_dict.values():
                line = lines.get(id(task)) or written.line_of(task.task_id)
                _note(notes, dag, task, line, _used_outputs(dag, task))
        for trigger, line in watches:
            _note_watch(notes, trigger, line)
        made.clear()
        watches.clear()
        entered.clear()

    return after


def _hook(kind: Any, method: str, then: Callable[[Any], None]) -> None:
    """Calls something after every call of a method."""
    before = getattr(kind, method)

    @functools.wraps(before)
    def called(self: Any, *arguments: Any, **more: Any) -> Any:
        result = before(self, *arguments, **more)
        then(self)
        return result

    setattr(kind, method, called)


def _note(notes: Any, dag: Any, task: Any, line: int, outputs: tuple[str, ...]) -> None:
    what = f"task {task.task_id} of DAG {dag.dag_id}"
    mapped = getattr(task, "partial_kwargs", None)
    kind = getattr(task, "operator_class", None) if mapped is not None else type(task)
    if isinstance(task, FlyteDeployTriggerOperator):
        _note_trigger(notes, task, line, what)
        return
    if not isinstance(kind, type) or not issubclass(kind, FlyteRunOperator | FlyteRunSensor):
        return
    if issubclass(kind, FlyteRunSensor) and mapped is None and not _is_later(_search_of(task)):
        try:
            RunSearch.read(**_search_of(task))
        except BridgeError as error:
            notes.problem(line, f"{what}: {error.message}")
            return
    fields = dict(mapped) if mapped is not None else {name: getattr(task, name, None) for name in _FIELDS}
    expanded = dict(_expanded(task)) if mapped is not None else {}
    entity = expanded.get("entity", fields.get("entity"))
    if entity is None or _is_later(entity) or "entity" in expanded or fields.get("register") is not None:
        return
    try:
        ref = _placed(EntityRef.of(entity), fields)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is a problem of this line
        notes.problem(line, f"{what}: {getattr(error, 'message', error)}")
        return
    if ref is None:
        return
    if issubclass(kind, FlyteRunSensor):
        notes.use(line, what, ref, launches=False)
        return
    chosen = fields.get("outputs")
    named = tuple(chosen) if isinstance(chosen, list | tuple) and not _is_later(chosen) else ()
    options = None if _is_later(fields.get("options")) else fields.get("options")
    common = {"options": options, "outputs": (*outputs, *(name for name in named if name not in outputs))}
    inputs = expanded.get("inputs", fields.get("inputs"))
    later = issubclass(kind, _DecoratedFlyteRunOperator) or isinstance(inputs, str | XComArg) or "inputs" in expanded
    if isinstance(expanded.get("inputs"), list | tuple):
        for item in expanded["inputs"]:
            notes.use(line, what, ref, item if isinstance(item, Mapping) else None, unknown=_is_later, **common)
    else:
        notes.use(line, what, ref, None if later else inputs, unknown=_is_later, open=later, **common)


def _note_trigger(notes: Any, task: FlyteDeployTriggerOperator, line: int, what: str) -> None:
    """Of a schedule that is handed to Flyte, as it is written."""
    given = task.trigger
    if isinstance(given, Mapping):
        if _is_later([given.get(name) for name in given if name != "inputs"]):
            return
    elif _is_later(given):
        return
    try:
        trigger = given if isinstance(given, Trigger) else Trigger.from_dict(given)
        ref = _placed(trigger.entity, {"version": task.version})
    except BridgeError as error:
        notes.problem(line, f"{what}: {error.message}")
        return
    if ref is not None:
        ticks = trigger.kickoff_inputs
        inputs = {name: value for name, value in trigger.inputs.items() if name not in ticks}
        notes.use(line, what, ref, inputs, unknown=_is_later, options=trigger.options, unknown_inputs=ticks)


def _search_of(sensor: FlyteRunSensor) -> dict[str, Any]:
    """Which run it waits for, as it is written."""
    return {
        "run": sensor.run_ref,
        **{name: getattr(sensor, name) for name in ("entity", "query", "project", "domain", "if_failed")},
    }


def _note_watch(notes: Any, trigger: FlyteRunEventTrigger, line: int) -> None:
    """Of an asset's watcher, which looks at runs and launches none."""
    if trigger.entity is None:
        return
    what = f"watcher of runs of {trigger.entity}"
    fields = {"project": trigger.project, "domain": trigger.domain}
    try:
        ref = _placed(EntityRef.of(trigger.entity), fields)
    except BridgeError as error:
        notes.problem(line, f"{what}: {error.message}")
        return
    if ref is not None:
        notes.use(line, what, ref, launches=False)


_FIELDS = ("entity", "inputs", "version", "project", "domain", "options", "outputs", "register")


def _expanded(task: Any) -> Iterator[tuple[str, Any]]:
    """What a mapped task is mapped over."""
    value = getattr(task.expand_input, "value", None)
    if isinstance(value, Mapping):
        yield from value.items()
    else:  # expand_kwargs: any argument may be among them
        yield "inputs", None


def _placed(ref: EntityRef, fields: Mapping[str, Any]) -> EntityRef | None:
    """With version, project and domain of the operator; None when one of them is a template."""
    own = [fields.get(name) or getattr(ref, name) for name in ("project", "domain", "version")]
    return None if _is_later(own) else EntityRef(ref.kind, ref.name, *own)


def _is_later(value: Any) -> bool:
    """Whether a value, or something in it, is known only when the task runs."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(_is_later(item) for item in value.values())
    if isinstance(value, list | tuple | set):
        return any(_is_later(item) for item in value)
    return isinstance(value, XComArg) or hasattr(value, "resolve")


def _used_outputs(dag: Any, task: Any) -> tuple[str, ...]:
    """Keys of a task's XComs that other tasks of the DAG take as arguments."""
    found: dict[str, None] = {}
    for other in dag.task_dict.values():
        for source, key in _references(other):
            if source is task and key not in RESERVED:
                found[key] = None
    return tuple(found)


def _references(task: Any) -> Iterator[tuple[Any, str]]:
    seen = [getattr(task, name, None) for name in getattr(task, "template_fields", ())]
    seen += [getattr(task, "partial_kwargs", None), dict(_expanded(task)) if hasattr(task, "expand_input") else None]
    while seen:
        item = seen.pop()
        if isinstance(item, XComArg):
            operator, key = getattr(item, "operator", None), getattr(item, "key", None)
            if operator is not None and isinstance(key, str):
                yield operator, key
            else:
                seen += [getattr(item, name, None) for name in ("arg", "args")]
        elif isinstance(item, Mapping):
            seen += item.values()
        elif isinstance(item, list | tuple | set):
            seen += item


class _Written:
    """The text of a file: where a task stands that no hook saw, a mapped one."""

    def __init__(self, file: str) -> None:
        self._file = file

    @functools.cached_property
    def _lines(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for node in ast.walk(ast.parse(Path(self._file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                ids = [item.value for item in node.keywords if item.arg == "task_id"]
                found |= {str(item.value): node.lineno for item in ids if isinstance(item, ast.Constant)}
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, node.lineno)
        return found

    def line_of(self, task_id: str) -> int:
        """Of the call that makes it; 1 when that is not plain."""
        return self._lines.get(task_id.rpartition(".")[2], 1)
