"""Values on their way: stages what the codec asked for, puts offloaded ones back, reads frames and pickles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..model.arguments import wrong
from ..model.errors import LiteralError
from ..model.references import FileRef, FrameRef

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..backends.values import StoredLiterals
    from ..literals import Codec, Encoded
    from ..transport.base import Transport
    from .files import FileOperations
    from .staging import Staged

__all__ = ["DataOperations"]

_PARALLEL = 8
_OFFLOADED_DEPTH = 10  # an offloaded literal may hold offloaded ones


class DataOperations:
    """The verbs that move values."""

    def __init__(
        self, backend: Backend, transport: Transport, files: Callable[[], FileOperations], codec: Codec | None = None
    ) -> None:
        self._backend = backend
        self._transport = transport
        self._files = files
        self._codec = codec

    @property
    def codec(self) -> Codec:
        """What values are converted with."""
        if self._codec is None:
            from ..literals import Codec

            return Codec.default(enums=self._backend.enum_form)
        return self._codec

    # -- up

    async def stage(self, encoded: Encoded) -> tuple[Staged, ...]:
        """Reads what the codec wants uploaded, once, and names it by content. Sends nothing.

        Raises:
            InvalidRequest: A file is missing or unreadable.
        """
        from .staging import stage

        return await stage(self._transport, encoded.uploads)

    async def upload(
        self,
        encoded: Encoded,
        staged: Sequence[Staged],
        *,
        project: str,
        domain: str,
        location: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Any:
        """Does the uploads and returns the ``LiteralMap`` with real URIs.

        Args:
            encoded: Inputs with tokens.
            staged: What `stage` read.
            project: Where signed URLs are asked for.
            domain: Where signed URLs are asked for.
            location: Instead of `Config.data_upload_location`.
            metadata: Kept with objects where the store can.
        """
        if not staged:
            return encoded.resolved({})
        uris = await self._files().uploads.send(
            staged, project=project, domain=domain, location=location, metadata=metadata
        )
        return encoded.resolved(uris)

    # -- down

    async def read_signed(self, url: str) -> bytes:
        """The content behind a signed URL, which must fit into memory."""

        def read() -> bytes:
            from ..storage import signed
            from ..storage.scratch import scratch

            with scratch() as folder, self._files().uploads.pool() as pool:
                target = Path(folder) / "content"
                signed.get(url, target, pool=pool)
                return target.read_bytes()

        return await self._transport.run_io(read)

    async def whole(self, stored: StoredLiterals, what: str) -> Any:
        """The stored map, wherever it is, with offloaded literals put back.

        Args:
            stored: As the backend gave it.
            what: Whose values they are, for messages.
        """
        from flyteidl.core import literals_pb2

        from ..literals import offloaded_uris, replace_offloaded

        literals = stored.literals
        if stored.url:
            raw = await self.read_signed(stored.url)
            literals = _parsed(literals_pb2.LiteralMap, raw, what)
        for _ in range(_OFFLOADED_DEPTH):
            uris = offloaded_uris(literals)
            if not uris:
                return literals
            found = await self._transport.map_calls(self._files().read_bytes, uris, limit=_PARALLEL)
            pairs = zip(uris, found, strict=True)
            literals = replace_offloaded(
                literals, {uri: _parsed(literals_pb2.Literal, raw, f"the literal at {uri}") for uri, raw in pairs}
            )
        raise LiteralError(f"{what} hold offloaded literals nested deeper than {_OFFLOADED_DEPTH} levels")

    async def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (a pyarrow Table without pandas)."""
        from ..literals import read_frame

        if not isinstance(ref, FrameRef):
            raise wrong("read_frame", "a FrameRef", ref)

        def read() -> Any:
            store = self._files().store
            files = [
                uri
                for name, uri in store.files(ref.uri)
                if not name.rpartition("/")[2].startswith(("_", ".")) or name.endswith(".csv")
            ]
            streams: list[IO[bytes]] = []
            try:
                streams += [store.open(uri) for uri in files]
                return read_frame(streams, ref.format)
            finally:
                for stream in streams:
                    stream.close()

        return await self._transport.run_io(read)

    async def read_in(self, values: Mapping[str, Any], *, pickles: bool, frames: bool) -> dict[str, Any]:
        """The values with pickles and frames in them read, as far as that is wanted."""
        out = dict(values)
        if pickles:
            out = {name: await self._replaced(value, _is_pickle, self._unpickled) for name, value in out.items()}
        if frames:
            out = {name: await self._replaced(value, _is_frame_ref, self.read_frame) for name, value in out.items()}
        return out

    async def _unpickled(self, ref: FileRef) -> Any:
        from ..literals.pickles import unpickle

        return unpickle(await self._files().read_bytes(ref.uri), ref.uri)

    async def _replaced(self, value: Any, wanted: Callable[[Any], bool], read: Callable[[Any], Awaitable[Any]]) -> Any:
        """The value with what is wanted of it read, in lists and maps too."""
        if wanted(value):
            return await read(value)
        if isinstance(value, list):
            return [await self._replaced(item, wanted, read) for item in value]
        if isinstance(value, dict):
            return {key: await self._replaced(item, wanted, read) for key, item in value.items()}
        return value


def _is_pickle(value: Any) -> bool:
    return isinstance(value, FileRef) and value.format == "PythonPickle"


def _is_frame_ref(value: Any) -> bool:
    return isinstance(value, FrameRef)


def _parsed(kind: Any, raw: bytes, what: str) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(raw)
    except DecodeError:
        raise LiteralError(f"{what} ({len(raw)} bytes) cannot be read: they are no protobuf message") from None
