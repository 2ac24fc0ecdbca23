"""JSON schemas of dataclasses and models, compiled into checks.

A registered dataclass is ``STRUCT`` plus a JSON schema (mashumaro's, or pydantic's). Flyte itself does not look at it: a
wrong field would surface minutes later, inside the task. So the schema is compiled once per type into nested functions that
check a value, convert what the schema asks for (int to float, datetime to text, file to ``{"path": uri}``) and give plain
data ready for msgpack. What JSON schema can say beyond types, names and enums is left to the task.

Every node is compiled twice: `json_schema_fast.py` takes what fits nearly as it is and knows no paths; the checks here take
everything, and say where and why something does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .coder import Job
from .json_schema_fast import (
    Fast,
    fast_any_of,
    fast_anything,
    fast_array,
    fast_enum,
    fast_map,
    fast_number,
    fast_object,
    fast_seconds,
    fast_written,
    never,
)
from .json_schema_files import DataForm, data_form, struct_reference
from .json_schema_leaves import (
    STRINGS,
    WRITERS,
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
from .json_schema_refs import resolve
from .json_schema_types import element_type, field_types, fields_by_alias, option_type
from .problems import Where, did_you_mean, render
from .pydantic_models import Unwritable
from .to_plain import as_fields, in_order, type_title

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["Entry", "compile_schema"]


class Entry(NamedTuple):
    """One node, compiled."""

    exact: type | None
    """The Python type that needs no check (None: every value is checked)."""
    check: Check
    fast: Fast = never


_ANYTHING = Entry(None, anything, fast_anything)


def compile_schema(schema: Mapping[str, Any], kind: LiteralType | None = None) -> Entry:
    """The checks for one schema document.

    Args:
        schema: The document.
        kind: The STRUCT type it belongs to, whose structure may say more about its fields.
    """
    return _Compiler(schema).entry(schema, kind)


class _Compiler:
    """Compiles the nodes of one document; references are compiled once, which also makes recursive types finite."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.refs: dict[str, Entry] = {}

    def entry(self, node: Any, type_: LiteralType | None = None) -> Entry:
        if not isinstance(node, Mapping):
            return _ANYTHING
        ref = node.get("$ref")
        if isinstance(ref, str):
            return self._reference(ref, type_)
        for combined in ("anyOf", "oneOf"):
            if isinstance(node.get(combined), list):
                return self._combined(node[combined], type_)
        if isinstance(node.get("allOf"), list) and len(node["allOf"]) == 1:  # pydantic's way to describe a reference
            return self.entry(node["allOf"][0], type_)
        if isinstance(node.get("enum"), list):
            return Entry(None, enum_of(node["enum"]), fast_enum(node["enum"]))
        if "const" in node:
            return Entry(None, enum_of([node["const"]]), fast_enum([node["const"]]))
        kind = node.get("type")
        if isinstance(kind, list):
            return self._any_of([self.entry({**node, "type": one}, type_) for one in kind])
        return self._typed(kind, node, type_)

    def _typed(self, kind: Any, node: Mapping[str, Any], type_: LiteralType | None) -> Entry:
        if kind == "object":
            return self._object(node, type_)
        if kind == "array":
            return self._array(node, type_)
        if kind == "string":
            form = str(node.get("format", ""))
            return Entry(None, STRINGS[form], fast_written(WRITERS[form][1])) if form in STRINGS else Entry(str, string)
        is_span = node.get("format") == "time-delta"
        simple: dict[Any, Entry] = {
            "integer": Entry(int, integer),
            "number": Entry(float, time_delta, fast_seconds) if is_span else Entry(float, number, fast_number),
            "boolean": Entry(bool, boolean),
            "null": Entry(type(None), expect("none")),
        }
        return simple.get(kind, _ANYTHING) if isinstance(kind, str) else _ANYTHING

    def _reference(self, ref: str, type_: LiteralType | None) -> Entry:
        if ref not in self.refs:

            def later(value: Any, where: Where, job: Job) -> Any:
                return self.refs[ref].check(value, where, job)

            def later_fast(value: Any, job: Job) -> Any:
                return self.refs[ref].fast(value, job)

            self.refs[ref] = Entry(None, later, later_fast)
            self.refs[ref] = self.entry(resolve(self.root, {"$ref": ref}), type_)._replace(exact=None)
        return self.refs[ref]

    def _combined(self, options: list[Any], type_: LiteralType | None) -> Entry:
        nodes = [resolve(self.root, one) for one in options]
        either = self._any_of(
            [self.entry(one, option_type(type_, node)) for one, node in zip(options, nodes, strict=True)]
        )
        if {node.get("type") for node in nodes} - {"null"} == {
            "number",
            "string",
        }:  # pydantic's Decimal: JSON has a text
            return Entry(None, decimals_as_texts(either.check), either.fast)
        return either

    def _any_of(self, entries: list[Entry]) -> Entry:
        exact = frozenset(one.exact for one in entries if one.exact is not None)
        real = [one for one in entries if one.exact is not type(None)]
        rest = [one.check for one in real]

        def check(value: Any, where: Where, job: Job) -> Any:
            if type(value) in exact:
                return value
            if len(rest) == 1:  # Optional: its one variant explains best what is wrong
                return rest[0](value, where, job)
            return _first_fitting(rest, value, where, job)

        return Entry(None, check, fast_any_of(exact, [one.fast for one in real]))

    def _array(self, node: Mapping[str, Any], type_: LiteralType | None) -> Entry:
        element = self.entry(node.get("items"), element_type(type_))
        kind, each = element.exact, element.check
        fixed = node.get("prefixItems")
        slots = [self.entry(one).check for one in fixed] if isinstance(fixed, list) else None

        def check(value: Any, where: Where, job: Job) -> Any:
            if not isinstance(value, (list, tuple, set, frozenset)):
                listed = _listed(value)
                if listed is None:
                    job.wrong(where, "list", value)
                    return None
                value = listed
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

        return Entry(None, check, fast_array(kind, element.fast) if slots is None else never)

    def _object(self, node: Mapping[str, Any], type_: LiteralType | None) -> Entry:
        known, names = self._fields(node, field_types(type_))
        title = str(node.get("title") or "")
        required = frozenset(node.get("required") or ()) & known.keys()
        # Absent, pydantic drops unknown fields without a word; a misspelt name deserves one.
        open_ended = node.get("additionalProperties", not known)
        extra: Entry | None = None if open_ended is False else self.entry(open_ended, element_type(type_))
        wanted = f"dataclass {title}".strip() if known else "dict"

        def check(value: Any, where: Where, job: Job) -> Any:
            try:
                fields = value if type(value) is dict else as_fields(value, known)
            except Unwritable as error:
                job.note((where, error.field) if error.field else where, str(error))
                return None
            if fields is None:
                job.wrong(where, wanted, value)
                return None
            if title and type_title(value) != title:
                job.coerced = True
            out = {}
            for name, item in fields.items():
                found = known.get(name) or names.get(name) or extra
                if found is None:
                    job.note((where, name), f"unknown field of {wanted}{did_you_mean(name, known)}")
                elif type(item) is found.exact:
                    out[name] = item
                else:
                    out[name] = found.check(item, (where, name), job)
            missing = sorted(required - fields.keys())
            # A field of a model given by its own name stands for one alias that is not given; which one is not known.
            if len(missing) > len(names.keys() & fields.keys()):
                for name in missing:
                    job.note((where, name), f"missing field of {wanted}")
            return out

        form = data_form(node, type_)
        if form is not None:
            return Entry(None, _data_or(form, check))
        if known:
            return Entry(None, check, fast_object({n: (e.exact, e.fast) for n, e in known.items()}, required, title))
        return Entry(None, check, fast_map(extra.exact, extra.fast, titled=bool(title)) if extra else never)

    def _fields(
        self, node: Mapping[str, Any], types: Mapping[str, LiteralType]
    ) -> tuple[dict[str, Entry], dict[str, Entry]]:
        """The fields of an object, and those that the schema knows by an alias only: flytekit writes models by name."""
        properties = node.get("properties")
        if not isinstance(properties, Mapping):
            return {}, {}
        aliases = {
            name: resolve(self.root, one) for name, one in sorted(properties.items()) if types and name not in types
        }
        named = fields_by_alias({name: types[name] for name in sorted(types) if name not in properties}, aliases)
        meant = {found[0]: types[name] for name, found in named.items() if len(found) == 1}
        known = {name: self.entry(one, types.get(name) or meant.get(name)) for name, one in properties.items()}
        return known, {name: self._any_of([known[alias] for alias in found]) for name, found in named.items()}


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


def _listed(value: Any) -> list[Any] | None:
    """The elements of a numpy array or of another sequence; a text is none."""
    if type(value).__module__ == "numpy":
        elements: list[Any] | None = value.tolist() if getattr(value, "ndim", None) else None
        return elements
    return (
        list(value)
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview))
        else None
    )


def _data_or(form: DataForm, check: Check) -> Check:
    def data_or_fields(value: Any, where: Where, job: Job) -> Any:
        found, final = struct_reference(form, value, where, job)
        return found if final else check(found, where, job)

    return data_or_fields
