"""`AttemptPaths`: where one attempt reads and writes, and what its command line calls these places."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..model.ids import shard_of

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
        self.output: Path = order.directory / str(order.attempt)
        self.inputs: Path = order.directory / "inputs.pb"

    def prepare(self) -> None:
        """Makes the output prefix and writes the inputs."""
        self.output.mkdir(parents=True, exist_ok=True)
        self.layout.write(self.inputs, self.order.inputs.SerializeToString(deterministic=True))

    def template_values(self) -> dict[str, str]:
        """What the templates of a command line stand for, see `template.fill`."""
        order, layout = self.order, self.layout
        previous = order.checkpoint
        if order.previous_pod:
            previous = self._raw(order.previous_pod) + "/_flytecheckpoints"
        template = self.output / "task.pb"
        layout.write(template, order.task.SerializeToString(deterministic=True))
        return {
            "input": layout.native(self.inputs),
            "inputprefix": layout.native(self.inputs.parent),
            "outputprefix": layout.native(self.output),
            "rawoutputdataprefix": self._raw(order.pod),
            "checkpointoutputprefix": self._raw(order.pod) + "/_flytecheckpoints",
            "prevcheckpointprefix": previous,
            "perretryuniquekey": "k" + secrets.token_hex(16),
            "namespace": f"{order.execution.project}-{order.execution.domain}",
            "tasktemplatepath": layout.native(template),
        }

    def _raw(self, pod: str) -> str:
        """The raw output prefix of an attempt, sharded as there."""
        if self.order.raw_prefix:
            return f"{self.order.raw_prefix.rstrip('/')}/{shard_of(pod)}/{pod}"
        raw = self.layout.raw(pod)
        raw.mkdir(parents=True, exist_ok=True)
        return self.layout.native(raw)
