"""Progress of a step that its next try finds again: a `Checkpoint` whose place follows from the step and its partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge_core import InvalidRequest, run_name

from ._lineage import Lineage

if TYPE_CHECKING:
    from bridge_core import Checkpoint, Client

    from ._compat import StepContext

__all__ = ["checkpoint_of"]


def checkpoint_of(context: StepContext, client: Client, folder: str | None) -> Checkpoint:
    """The checkpoint of the step that runs now: that of its tries and re-executions until it succeeded, and of nobody else.

    Args:
        context: Of the step.
        client: Whose files.
        folder: Where; None for ``checkpoints`` below the client's ``data_upload_location``.

    Raises:
        InvalidRequest: There is no folder.
    """
    place = folder or client.config.data_upload_location
    if not place or place.startswith("flyte:"):
        raise InvalidRequest(
            "checkpoint: name a folder of a store that can be read, folder='s3://bucket/checkpoints', or set "
            "data_upload_location of the FlyteResource to one"
        )
    lineage = Lineage.of(context)
    name = run_name("checkpoint", lineage.scope, lineage.step_key, lineage.partition, prefix="c")
    where = f"{place.rstrip('/')}/checkpoints/{name}"
    return client.files.checkpoint(where, where if client.files.exists(where) else None)
