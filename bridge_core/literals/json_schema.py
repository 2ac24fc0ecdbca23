"""JSON schemas of dataclasses and models, compiled into checks.

A registered dataclass is ``STRUCT`` plus a JSON schema (mashumaro's, or pydantic's). Flyte itself does not look at it: a
wrong field would surface minutes later, inside the task. So the schema is compiled once per type into nested functions that
check a value, convert what the schema asks for (int to float, datetime to text, file to ``{"path": uri}``) and give plain
data ready for msgpack. What JSON schema can say beyond types, names and enums is left to the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .coder import Job
from .json_schema_files import struct_reference
from .json_schema_leaves import (
    STRINGS,
    Check,
    anything,
    boolean,
    decimals_as_texts,
    enum_of,
    expect,
    integer,
    number,
    string,
    time_delta,
)
from .problems import Where, did_you_mean, render
from .to_plain import as_fields, in_order, type_title

__all__ = ["compile_schema", "resolve"]

_Entry = tuple[type | None, Check]
"""A check, and the exact Python type that needs none (None: every value is checked)."""

_FILES = {"FlyteFile": "path", "FlyteDirectory": "path", "StructuredDataset": "uri"}
"""Titles of flytekit's own classes inside a dataclass, and the field that carries the URI."""


def compile_schema(schema: Mapping[str, Any]) -> Check:
    """The check for one schema document."""
    return _Compiler(schema).entry(schema)[1]


def resolve(root: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    """The node a ``$ref`` leads to, or the node itself; an empty one when the reference leads nowhere."""
    for _ in range(20):
        if not isinstance(node, Mapping):
            return {}
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return node
        node = root
        for key in ref.removeprefix("#").strip("/").split("/"):
            node = node.get(key, {}) if isinstance(node, Mapping) else {}
    return {}


class _Compiler:
    """Compiles the nodes of one document; references are compiled once, which also makes recursive types finite."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.refs: dict[str, Check] = {}

    def entry(self, node: Any) -> _Entry:
        if not isinstance(node, Mapping):
            return None, anything
        ref = node.get("$ref")
        if isinstance(ref, str):
            return None, self._reference(ref)
        for combined in ("anyOf", "oneOf"):
            if isinstance(node.get(combined), list):
                check = self._any_of([self.entry(one) for one in node[combined]])
                kinds = {resolve(self.root, one).get("type") for one in node[combined]}
                # pydantic's Decimal, whose JSON is a text
                return None, decimals_as_texts(check) if kinds - {"null"} == {"number", "string"} else check
        if isinstance(node.get("allOf"), list) and len(node["allOf"]) == 1:  # pydantic's way to describe a reference
            return self.entry(node["allOf"][0])
        if isinstance(node.get("enum"), list):
            return None, enum_of(node["enum"])
        if "const" in node:
            return None, enum_of([node["const"]])
        kind = node.get("type")
        if isinstance(kind, list):
            return None, self._any_of([self.entry({**node, "type": one}) for one in kind])
        return self._typed(kind, node)

    def _typed(self, kind: Any, node: Mapping[str, Any]) -> _Entry:
        if kind == "object":
            return None, self._object(node)
        if kind == "array":
            return None, self._array(node)
        if kind == "string":
            form = STRINGS.get(str(node.get("format", "")))
            return (str, string) if form is None else (None, form)
        simple: dict[Any, _Entry] = {
            "integer": (int, integer),
            "number": (float, time_delta if node.get("format") == "time-delta" else number),
            "boolean": (bool, boolean),
            "null": (type(None), expect("none")),
        }
        return simple.get(kind, (None, anything)) if isinstance(kind, str) else (None, anything)

    def _reference(self, ref: str) -> Check:
        if ref not in self.refs:

            def later(value: Any, where: Where, job: Job) -> Any:
                return self.refs[ref](value, where, job)

            self.refs[ref] = later
            self.refs[ref] = self.entry(resolve(self.root, {"$ref": ref}))[1]
        return self.refs[ref]

    def _any_of(self, entries: list[_Entry]) -> Check:
        fast = {kind for kind, _ in entries if kind is not None}
        rest = [check for kind, check in entries if kind is not type(None)]

        def check(value: Any, where: Where, job: Job) -> Any:
            if type(value) in fast:
                return value
            if len(rest) == 1:  # Optional: its one variant explains best what is wrong
                return rest[0](value, where, job)
            return _first_fitting(rest, value, where, job)

        return check

    def _array(self, node: Mapping[str, Any]) -> Check:
        kind, each = self.entry(node.get("items"))
        fixed = node.get("prefixItems")
        slots = [self.entry(one)[1] for one in fixed] if isinstance(fixed, list) else None

        def check(value: Any, where: Where, job: Job) -> Any:
            if not isinstance(value, (list, tuple, set, frozenset)):
                if type(value).__module__ != "numpy" or not getattr(value, "ndim", 0):
                    job.wrong(where, "list", value)
                    return None
                value = value.tolist()
            elif isinstance(value, (set, frozenset)):
                value = in_order(value)
            if slots is not None:
                if len(value) != len(slots):
                    job.note(where, f"expected {len(slots)} elements, got {len(value)}")
                    return None
                return [one(item, (where, i), job) for i, (one, item) in enumerate(zip(slots, value, strict=True))]
            if each is anything or (kind is not None and set(map(type, value)) == {kind}):
                return list(value)
            return [each(item, (where, i), job) for i, item in enumerate(value)]

        return check

    def _object(self, node: Mapping[str, Any]) -> Check:
        properties = node.get("properties")
        known: dict[str, _Entry] = (
            {name: self.entry(one) for name, one in properties.items()} if isinstance(properties, Mapping) else {}
        )
        title = str(node.get("title") or "")
        required = frozenset(node.get("required") or ()) & known.keys()
        # Absent, pydantic drops unknown fields without a word; a misspelt name deserves one.
        open_ended = node.get("additionalProperties", not known)
        extra: _Entry | None = None if open_ended is False else self.entry(open_ended)
        wanted = f"dataclass {title}".strip() if known else "dict"

        def check(value: Any, where: Where, job: Job) -> Any:
            fields = value if type(value) is dict else as_fields(value, known)
            if fields is None:
                job.wrong(where, wanted, value)
                return None
            if title and type_title(value) != title:
                job.coerced = True
            out = {}
            for name, item in fields.items():
                found = known.get(name, extra)
                if found is None:
                    job.note((where, name), f"unknown field of {wanted}{did_you_mean(name, known)}")
                elif type(item) is found[0]:
                    out[name] = item
                else:
                    out[name] = found[1](item, (where, name), job)
            if not required <= fields.keys():
                for name in sorted(required - fields.keys()):
                    job.note((where, name), f"missing field of {wanted}")
            return out

        return _file_or(check, title) if title in _FILES and _FILES[title] in known else check


def _first_fitting(checks: list[Check], value: Any, where: Where, job: Job) -> Any:
    """Python's own order for unions inside a dataclass: the first that takes the value as it is, else the first that can."""
    converted: tuple[Job, Any] | None = None
    said: list[str] = []
    for one in checks:
        attempt = job.attempt()
        result = one(value, where, attempt)
        if not attempt.problems and not attempt.coerced:
            job.adopt(attempt)
            return result
        if not attempt.problems and converted is None:
            converted = attempt, result
        said += attempt.problems[:1]
    if converted is not None:
        job.adopt(converted[0])
        return converted[1]
    start = f"{render(where)}: "
    job.note(where, "fits no variant: " + "; ".join(text.removeprefix(start) for text in said))
    return None


def _file_or(check: Check, title: str) -> Check:
    def file_or_fields(value: Any, where: Where, job: Job) -> Any:
        found = struct_reference(title, value, where, job)
        return check(value, where, job) if found is None else found

    return file_or_fields
