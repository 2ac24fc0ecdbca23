"""What a ``defs.yaml`` of `FlyteProjectComponent` uses of Flyte, for ``flyte-bridge check``: which entities, with which inputs.

Nothing is resolved and nobody is asked: attributes are held against the component's own model, and what templates give is known
when Dagster loads it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

__all__ = ["read_component"]


def read_component(notes: Any, text: str) -> None:
    """Notes what each component of the file uses.

    Args:
        notes: Takes selections and problems (`bridge_core.contracts.loading.Notes`).
        text: Of the file.
    """
    from dagster_shared.yaml_utils import parse_yamls_with_source_position

    for document in parse_yamls_with_source_position(text, notes.file):
        value = document.value
        if not isinstance(value, Mapping) or not _is_ours(str(value.get("type", ""))):
            continue
        tree = document.source_position_tree

        def line(*keys: Any, tree: Any = tree) -> int:
            return int(tree.lookup_closest_and_path(list(keys), trace=None)[0].start.line)

        _Reader(notes, value.get("attributes") or {}, line).read()


def _is_ours(name: str) -> bool:
    """Whether it names `FlyteProjectComponent`, or a subclass that can be imported."""
    module, _, kind = name.rpartition(".")
    if module.partition(".")[0] == __package__:
        return kind == "FlyteProjectComponent"
    try:
        from .component import FlyteProjectComponent

        found = getattr(importlib.import_module(module), kind, None)
    except (ImportError, ValueError):  # Dagster says so itself
        return False
    return isinstance(found, type) and issubclass(found, FlyteProjectComponent)


class _Reader:
    def __init__(self, notes: Any, given: Any, line: Any) -> None:
        self._notes = notes
        self._given = given
        self._line = line

    def read(self) -> None:
        """Notes problems of the file itself, else what it uses."""
        what = "FlyteProjectComponent"
        problems = dict(self._problems())
        for line, text in problems.items():
            self._notes.problem(line, f"{what}: {text}")
        if problems:
            return
        given = self._given
        selector = given.get("selector") or []
        if _is_template(selector) or _is_template(given.get("kind")):
            return
        inputs = given.get("inputs") or {}
        place = {key: given["workspace"].get(key) for key in ("project", "domain")}
        if not isinstance(inputs, Mapping) or not all(isinstance(item, Mapping) for item in inputs.values()):
            inputs = {}
        unknown = {name for item in inputs.values() for name, value in item.items() if _is_template(value)}
        own = {name: item for name, item in inputs.items() if name != "*"}
        translation = given.get("translation")
        partitioned = isinstance(translation, Mapping) and translation.get("partitions_def") is not None
        lines = {name: self._line("attributes", "inputs", name) for name in own}
        lines |= {name: self._line("attributes", "selector", n) for n, name in enumerate(selector) if name not in lines}
        by_partition = tuple((given.get("partition_inputs") or {}) if partitioned else ())
        lines |= {
            name: self._line("attributes", "partition_inputs", name) for name in by_partition if name not in lines
        }
        self._notes.selection(
            self._line("attributes"),
            what,
            given.get("kind", "launch_plan"),
            patterns=tuple(selector),
            **{key: None if _is_template(value) else value for key, value in place.items()},
            common=inputs.get("*", {}),
            own=own,
            lines=lines,
            unknown=(*sorted(unknown), *by_partition),
            open=given.get("launchpad", False) is not False,
        )

    def _problems(self) -> Iterator[tuple[int, str]]:
        """Line and text of what the component would refuse: one for each line."""
        from pydantic import ValidationError

        from .component import FlyteProjectComponent

        model = FlyteProjectComponent.get_model_cls()
        assert model is not None
        try:
            model.model_validate(self._given)
        except ValidationError as error:
            told = [item for item in error.errors() if item["loc"][-1] != "str"]  # else: a template might stand there
            for item in told or error.errors():
                keys = [key for key in item["loc"] if key != "str" and not str(key).endswith("Model")]
                yield self._line("attributes", *keys), f"{'.'.join(map(str, keys))}: {item['msg']}"
            return
        for name, field in FlyteProjectComponent.model_fields.items():
            value = self._given.get(name)
            kinds = [
                get_args(kind)
                for kind in (field.annotation, *get_args(field.annotation))
                if get_origin(kind) is Literal
            ]
            if kinds and value is not None and not _is_template(value) and value not in kinds[0]:
                yield self._line("attributes", name), f"{name}: wanted one of {', '.join(kinds[0])}, got {value!r}"
        selector = self._given.get("selector") or []
        if isinstance(selector, Sequence) and not isinstance(selector, str):
            for number, pattern in enumerate(selector):
                if not isinstance(pattern, str) or not pattern.strip("!"):
                    yield self._line("attributes", "selector", number), f"selector: {pattern!r} is no pattern of names"


def _is_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, Mapping):
        return any(map(_is_template, value.values()))
    return isinstance(value, list) and any(map(_is_template, value))
