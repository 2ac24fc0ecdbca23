"""Literal maps in the blob store: FlyteAdmin keeps values that come with events there, and reads what events only name.

With the blob store away, what is read is empty and what is written fails (flyteadmin ``pkg/common/data_store.go``,
``manager/impl/util/data.go``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2
from google.protobuf.message import DecodeError

from ..controls.outages import BLOBS
from ..model.go_text import go_text
from ..model.status import Rejected

if TYPE_CHECKING:
    from ..controls.outages import Outages
    from ..model.layout import Layout

__all__ = ["Offloaded"]


class Offloaded:
    """Literal maps below ``metadata`` of the storage."""

    def __init__(self, layout: Layout, outages: Outages) -> None:
        self._layout = layout
        self._outages = outages

    def write(self, literals: Any, *keys: str) -> str:
        """Writes a map to ``metadata/<keys>`` and says where that is.

        Raises:
            Rejected: INTERNAL, it cannot be written.
        """
        self.check_writing(literals, *keys)
        path = Path(self._layout.blobs, "metadata", *keys)
        native = self._layout.native(path)
        if ".." in keys or self._layout.url_path(native) is None:
            raise Rejected("INTERNAL", f"Failed to construct data reference for [{list(keys)}]: outside of the storage")
        try:
            self._layout.write(path, literals.SerializeToString(deterministic=True))
        except OSError as error:
            raise Rejected("INTERNAL", f"Failed to write protobuf for [[{' '.join(keys)}]] with err: {error}") from None
        return native

    def check_writing(self, message: Any, *keys: str) -> None:
        """Fails as writing a message to ``metadata/<keys>`` does when the blob store is away."""
        path = "/".join(("metadata", *keys))
        why = self._outages.check_blobs("Put", f"my-s3-bucket/{path}")
        if why:
            text = f"Failed to write data [{message.ByteSize()}b] to path [{path}].: PutObject, putting object: {why}"
            raise Rejected("INTERNAL", f"Failed to write protobuf for [[{' '.join(keys)}]] with err: {text}")

    def check_reading(self, what: str, *keys: str) -> None:
        """Fails as reading ``metadata/<keys>`` does when the blob store is away.

        Args:
            what: What FlyteAdmin says before the place, ending with a blank; empty for nothing.
            *keys: The place.
        """
        path = "/".join(("metadata", *keys))
        why = self._outages.check_blobs("Head", f"my-s3-bucket/{path}")
        if why:
            native = f"s3://my-s3-bucket/{path}"
            before = f"{what} from location {native} : " if what else ""
            raise Rejected("INTERNAL", f"{before}path:{native}: getItem, getting the object: {why}")

    def check_closure(self, workflow: Any) -> None:
        """Fails as reading the compiled closure of a workflow does when the blob store is away."""
        keys = ("admin", workflow.project, workflow.domain, workflow.name, workflow.version)
        self.check_reading("Unable to read WorkflowClosure", *keys)

    def check_closure_write(self, workflow: Any, closure: Any) -> None:
        """Fails as storing the closure of a workflow does when the blob store is away."""
        path = f"metadata/admin/{workflow.project}/{workflow.domain}/{workflow.name}/{workflow.version}"
        why = self._outages.check_blobs("Put", f"my-s3-bucket/{path}")
        if why:
            base = "s3://my-s3-bucket"
            text = f"failed to write marshaled workflow [{go_text(workflow)}] to storage {base}/{path} with err"
            what = f"Failed to write data [{closure.ByteSize()}b] to path [{path}]."
            end = f"PutObject, putting object: {why} and base container: {base}"
            raise Rejected("INTERNAL", f"{text} {what}: {end}")

    def read(self, stored: Any, uri: str) -> Any:
        """What a run, node or attempt has for inputs or outputs; an empty map when it cannot be had.

        Args:
            stored: The map as the engine stored it, or None.
            uri: Where an event said that it is.
        """
        if self._outages.away(BLOBS):
            return literals_pb2.LiteralMap()
        if stored is not None and stored.literals:
            return stored
        try:
            path = self._layout.local(uri)
            return literals_pb2.LiteralMap.FromString(path.read_bytes()) if uri else literals_pb2.LiteralMap()
        except (OSError, ValueError, DecodeError):
            return literals_pb2.LiteralMap()
