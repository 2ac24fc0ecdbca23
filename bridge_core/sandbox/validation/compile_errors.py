"""What the compiler of FlytePropeller says about a workflow that it refuses (flytepropeller ``pkg/compiler/errors``)."""

from __future__ import annotations

from typing import Any

from flyteidl.core import types_pb2

from ..model.go_text import go_text
from ..model.status import Rejected

__all__ = ["CompileErrors", "refusal", "type_text"]


class CompileErrors:
    """The set of errors that were found, in the order of their text, as there."""

    def __init__(self) -> None:
        self._found: set[tuple[str, str, str]] = set()

    def add(self, code: str, node_id: str, description: str) -> None:
        """One more error."""
        self._found.add((code, node_id, description))

    def add_all(self, others: CompileErrors) -> None:
        """All errors of another set."""
        self._found |= others._found

    def __bool__(self) -> bool:
        return bool(self._found)

    def value_required(self, node_id: str, what: str) -> None:
        """Something is missing."""
        self.add("ValueRequired", node_id, f"Value required [{what}].")

    def not_bound(self, node_id: str, what: str) -> None:
        """An input, or an output of the workflow, has no value."""
        self.add("ParameterNotBound", node_id, f"Parameter not bound [{what}].")

    def no_variable(self, node_id: str, what: str, where: str) -> None:
        """There is no such input or output."""
        self.add("VariableNameNotFound", node_id, f"Variable [{what}] not found on node [{where}].")

    def mismatch(self, node_id: str, what: str, given: Any, wanted: Any) -> None:
        """A value is of another type."""
        text = f"Variable [{what}] (type [{type_text(given)}]) doesn't match expected type [{type_text(wanted)}]."
        self.add("MismatchingTypes", node_id, text)

    def mismatching_variables(self, node_id: str, source: str, given: Any, target: str, wanted: Any) -> None:
        """An output is of another type than the input that it is for."""
        text = (
            f"The output variable '{source}' has type [{type_text(given)}], but it's assigned to the input variable "
            f"'{target}' which has type type [{type_text(wanted)}]."
        )
        self.add("MismatchingTypes", node_id, text)

    def rejected(self, workflow: Any) -> Rejected:
        """The refusal of the workflow with this identifier."""
        lines = [f"Collected Errors: {len(self._found)}\n"]
        for number, (code, node_id, text) in enumerate(sorted(self._found)):
            lines.append(f"\tError {number}: Code: {code}, Node Id: {node_id}, Description: {text}\n")
        return refusal(workflow, "".join(lines))


def refusal(workflow: Any, why: str) -> Rejected:
    """A workflow that cannot be compiled (flyteadmin ``manager/impl/workflow_manager.go``)."""
    return Rejected("INVALID_ARGUMENT", f"failed to compile workflow for [{go_text(workflow)}] with err: {why}")


def type_text(type_: Any) -> str:
    """A type as it is printed there (``common/pretty_print.go``)."""
    if type_ is None:
        return "None"
    if type_.WhichOneof("type") == "simple" and type_.simple == types_pb2.STRUCT:
        fields = type_.structure.dataclass_type
        inner = ", ".join(f"dataclass_type:{{key:{name} value:{{{type_text(fields[name])}}}" for name in sorted(fields))
        return f"simple: STRUCT structure{{{inner}}}"
    return go_text(type_)
