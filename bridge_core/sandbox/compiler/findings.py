"""What a compiler found wrong: all of it, each once, sorted, as one text.

After flytepropeller ``pkg/compiler/errors``. A scope knows whether anything was found in it or below.
"""

from __future__ import annotations

__all__ = ["Findings"]


class Findings:
    """Findings of one step; steps below it make a `scope` of their own.

    Args:
        parent: The step above, which gets everything found here too.
    """

    def __init__(self, parent: Findings | None = None) -> None:
        self._parent = parent
        self._found: dict[tuple[str, str], None] = {}
        self.any = False

    def scope(self) -> Findings:
        """Findings of a step below."""
        return Findings(self)

    def add(self, code: str, node_id: str, description: str) -> None:
        """Notes one finding."""
        self.any = True
        if self._parent is not None:
            self._parent.add(code, node_id, description)
        else:
            self._found[code, f"Code: {code}, Node Id: {node_id}, Description: {description}"] = None

    def value_required(self, node_id: str, name: str) -> None:
        """A field is missing."""
        self.add("ValueRequired", node_id, f"Value required [{name}].")

    def not_bound(self, node_id: str, name: str) -> None:
        """An input or output has no value."""
        self.add("ParameterNotBound", node_id, f"Parameter not bound [{name}].")

    def no_variable(self, node_id: str, name: str) -> None:
        """A node has no variable of that name."""
        self.add("VariableNameNotFound", node_id, f"Variable [{name}] not found on node [{node_id}].")

    def no_task(self, node_id: str, reference: str) -> None:
        """A task that a node refers to is missing."""
        self.add("TaskReferenceNotFound", node_id, f"Referenced Task [{reference}] not found.")

    def no_workflow(self, node_id: str, reference: str) -> None:
        """A workflow or launch plan that a node refers to is missing."""
        self.add("WorkflowReferenceNotFound", node_id, f"Referenced Workflow [{reference}] not found.")

    def mismatch(self, node_id: str, name: str, given: str, wanted: str) -> None:
        """A type is not the declared one."""
        self.add(
            "MismatchingTypes", node_id, f"Variable [{name}] (type [{given}]) doesn't match expected type [{wanted}]."
        )

    def __str__(self) -> str:
        """All of it, as FlyteAdmin says it."""
        lines = [f"Collected Errors: {len(self._found)}\n"]
        lines += [f"\tError {index}: {text}\n" for index, (_, text) in enumerate(sorted(self._found))]
        return "".join(lines)
