"""Values: stages what the codec asked for, decodes outputs, reads frames."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..literals.outputs import RunOutputs
from ..model.arguments import flags, wrong
from ..model.errors import InvalidRequest, LiteralError, Unavailable
from ..model.references import FileRef, FrameRef

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..literals import Codec, Encoded
    from ..model.ids import RunRef
    from ..transport.base import Transport
    from .files import FileOperations
    from .staging import Staged

__all__ = ["DataOperations"]

_PARALLEL = 8
_MAPS = frozenset(bytes([head]) for head in (*range(0x80, 0x90), 0xDE, 0xDF))  # the first byte of a map in msgpack
_REFERENCES = (b"\xa4path", b"\xa3uri")  # and the first key of one that flytekit writes for a file or frame
_OFFLOADED_DEPTH = 10  # an offloaded literal may hold offloaded ones


class DataOperations:
    """The verbs that move values."""

    def __init__(
        self, backend: Backend, transport: Transport, files: FileOperations, codec: Codec | None = None
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

            self._codec = Codec.default()
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
        uris = await self._files.uploads.send(
            staged, project=project, domain=domain, location=location, metadata=metadata
        )
        return encoded.resolved(uris)

    # -- down

    async def outputs(self, ref: RunRef, *, allow_pickle: bool = False, read_frames: bool = False) -> RunOutputs:
        """Outputs of a run that SUCCEEDED.

        Args:
            ref: The run.
            allow_pickle: Downloads pickles and runs the code in them. False leaves them references.
            read_frames: Reads frames. False leaves them references.

        Raises:
            InvalidRequest: The run has not ended well, so that it has none.
        """
        from ..literals import literal_hash, literal_metadata

        flags(allow_pickle=allow_pickle)
        literals = await self._literals(ref)
        types = None
        if not literals.literals or _needs_types(literals):
            snapshot = await self._backend.describe(ref)
            snapshot.raise_for_phase()
            if not snapshot.phase.is_success:
                raise InvalidRequest(
                    f"{snapshot.describe()}; outputs exist only after a run SUCCEEDED: wait for it first"
                )
            if snapshot.entity is not None:
                types = (await self._backend.interface(snapshot.entity)).outputs
        if types and not literals.literals:
            raise Unavailable(
                f"run {ref} SUCCEEDED and should have outputs {', '.join(sorted(types))}, but Flyte returned none: its store may "
                "be unreachable for FlyteAdmin, which swallows read failures. Try again, or look at the run's page."
            )
        hashes = {name: value for name, item in literals.literals.items() if (value := literal_hash(item))}
        values = self.codec.decode_map(literals, types)
        if allow_pickle:
            values = {name: await self._replaced(value, _is_pickle, self._unpickled) for name, value in values.items()}
        if read_frames:
            values = {
                name: await self._replaced(value, _is_frame_ref, self.read_frame) for name, value in values.items()
            }
        return RunOutputs(
            values,
            metadata={name: literal_metadata(item) for name, item in literals.literals.items()},
            hashes=hashes,
        )

    async def inputs(self, ref: RunRef) -> RunOutputs:
        """Inputs that the run has stored, after defaults."""
        from ..literals import literal_hash, literal_metadata

        literals = await self._backend.stored_inputs(ref)
        types = None
        if not literals.literals or _needs_types(literals):
            snapshot = await self._backend.describe(ref)
            if snapshot.entity is not None:
                found = await self._backend.interface(snapshot.entity)
                types = {name: item.var.type for name, item in found.parameters.items()}
                if not literals.literals and (names := [*types, *found.fixed]):
                    raise Unavailable(
                        f"run {ref} must have inputs {', '.join(sorted(names))}, but Flyte returned none: its store may be "
                        "unreachable for FlyteAdmin, which swallows read failures. Try again, or look at the run's page."
                    )
        return RunOutputs(
            self.codec.decode_map(literals, types, path="inputs"),
            metadata={name: literal_metadata(item) for name, item in literals.literals.items()},
            hashes={name: value for name, item in literals.literals.items() if (value := literal_hash(item))},
        )

    async def read_signed(self, url: str) -> bytes:
        """The content behind a signed URL, which must fit into memory."""

        def read() -> bytes:
            from ..storage import signed
            from ..storage.scratch import scratch

            with scratch() as folder, self._files.uploads.pool() as pool:
                target = Path(folder) / "content"
                signed.get(url, target, pool=pool)
                return target.read_bytes()

        return await self._transport.run_io(read)

    async def _literals(self, ref: RunRef) -> Any:
        """The stored map, wherever it is, with offloaded literals put back."""
        from flyteidl.core import literals_pb2

        from ..literals import offloaded_uris, replace_offloaded

        stored = await self._backend.outputs(ref)
        literals = stored.literals
        if stored.url:
            raw = await self.read_signed(stored.url)
            literals = _parsed(literals_pb2.LiteralMap, raw, f"the outputs of {ref}")
        for _ in range(_OFFLOADED_DEPTH):
            uris = offloaded_uris(literals)
            if not uris:
                return literals
            found = await self._transport.map_calls(self._files.read_bytes, uris, limit=_PARALLEL)
            pairs = zip(uris, found, strict=True)
            literals = replace_offloaded(
                literals, {uri: _parsed(literals_pb2.Literal, raw, f"the literal at {uri}") for uri, raw in pairs}
            )
        raise LiteralError(f"outputs of {ref} hold offloaded literals nested deeper than {_OFFLOADED_DEPTH} levels")

    async def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (a pyarrow Table without pandas)."""
        from ..literals import read_frame

        if not isinstance(ref, FrameRef):
            raise wrong("read_frame", "a FrameRef", ref)

        def read() -> Any:
            store = self._files.store
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

    async def _unpickled(self, ref: FileRef) -> Any:
        from ..literals.pickles import unpickle

        return unpickle(await self._files.read_bytes(ref.uri), ref.uri)

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


def _needs_types(literals: Any) -> bool:
    """Whether decoding needs the declared types; asking for them costs a call or two.

    Legacy Structs lose the difference between int and float. What a workflow picks out of a dataclass is msgpack, whatever its
    type: a number, a time as a text, a file as ``{"path": …}``.
    """

    def picked(binary: Any) -> bool:
        raw = binary.value
        return binary.tag == "msgpack" and (raw[:1] not in _MAPS or raw[1:].startswith(_REFERENCES))

    def unclear(item: Any) -> bool:
        kind = item.WhichOneof("value")
        if kind == "collection":
            return any(unclear(child) for child in item.collection.literals)
        if kind == "map":
            return any(unclear(child) for child in item.map.literals.values())
        if kind != "scalar":
            return False
        scalar = item.scalar.WhichOneof("value")
        if scalar == "union":
            return unclear(item.scalar.union.value)
        return scalar == "generic" or (scalar == "binary" and picked(item.scalar.binary))

    return any(unclear(item) for item in literals.literals.values())
