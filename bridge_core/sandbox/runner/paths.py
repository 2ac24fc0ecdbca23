"""`AttemptPaths`: where one attempt reads and writes, and what its command line calls these places."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..model.layout import Layout
    from .order import AttemptOrder

__all__ = ["AttemptPaths"]


class AttemptPaths:
    """The files of one attempt.

    Attributes:
        layout: Of the whole sandbox.
        order: What is run.
        output: The output prefix: outputs.pb, error.pb or futures.pb will be there.
        inputs: The file with the inputs.
    """

    def __init__(self, layout: Layout, order: AttemptOrder) -> None:
        self.layout = layout
        self.order = order
        self.output: Path = layout.attempt(order.execution, order.path, order.attempt)
        self.inputs: Path = layout.inputs(order.execution, order.path)

    def prepare(self) -> None:
        """Makes the output prefix and writes the inputs."""
        self.output.mkdir(parents=True, exist_ok=True)
        self.layout.write(self.inputs, self.order.inputs.SerializeToString(deterministic=True))

    def template_values(self) -> dict[str, str]:
        """What the templates of a command line stand for, see `template.fill`."""
        order, layout = self.order, self.layout
        previous = order.checkpoint
        if order.attempt > 0:
            previous = layout.native(layout.checkpoint(order.execution, order.path, order.attempt - 1))
        template = self.output / "task.pb"
        layout.write(template, order.task.SerializeToString(deterministic=True))
        return {
            "input": layout.native(self.inputs),
            "inputprefix": layout.native(self.inputs.parent),
            "outputprefix": layout.native(self.output),
            "rawoutputdataprefix": self._raw_prefix(),
            "checkpointoutputprefix": layout.native(layout.checkpoint(order.execution, order.path, order.attempt)),
            "prevcheckpointprefix": previous,
            "perretryuniquekey": "k" + secrets.token_hex(16),
            "namespace": f"{order.execution.project}-{order.execution.domain}",
            "tasktemplatepath": layout.native(template),
        }

    def _raw_prefix(self) -> str:
        order = self.order
        if order.raw_prefix:
            return (
                f"{order.raw_prefix.rstrip('/')}/{order.execution.name}-{order.path.replace('/', '-')}-{order.attempt}"
            )
        raw = self.layout.raw(order.execution, order.path, order.attempt)
        raw.mkdir(parents=True, exist_ok=True)
        return self.layout.native(raw)
