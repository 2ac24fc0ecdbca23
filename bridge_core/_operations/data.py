"""Values and files: executes the uploads that the codec asked for, decodes outputs, reads references."""

from __future__ import annotations

import os
import tempfile
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import InvalidRequest, Unsupported
from ..outputs import RunOutputs
from ..references import DirectoryRef, FileRef, FrameRef

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..ids import RunRef
    from ..literals import Encoded, Upload
    from ..storage.bodies import Body
    from ..transport.base import Transport

__all__ = ["DataOperations", "Staged", "read_url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One upload, read and named by content, not sent yet."""

    token: str
    directory: bool
    bodies: tuple[Body, ...]
    digest: bytes


Reference = FileRef | DirectoryRef | FrameRef


class DataOperations:
    """The verbs that move values and bytes."""

    def __init__(self, backend: Backend, transport: Transport, config: Config) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config

    # -- up

    async def stage(self, encoded: Encoded) -> tuple[Staged, ...]:
        """Reads what the codec wants uploaded, once, and names it by content. Sends nothing.

        Raises:
            InvalidRequest: A file is missing or unreadable.
            Unsupported: `Config.data_upload_location` names a store that only fsspec could write to.
        """
        if encoded.uploads and not self._config.data_upload_location.startswith("flyte:"):
            raise Unsupported(
                f"data_upload_location {self._config.data_upload_location!r}: only 'flyte://…' (Flyte's signed URLs) is "
                "implemented"
            )
        return tuple(await self._transport.map_io(_stage, list(encoded.uploads)))

    async def upload(self, encoded: Encoded, staged: Sequence[Staged], *, project: str, domain: str) -> Any:
        """Does the uploads and returns the ``LiteralMap`` with real URIs."""
        uris = {item.token: await self._put(item, project, domain) for item in staged}
        return encoded.resolved(uris)

    async def _put(self, item: Staged, project: str, domain: str) -> str:
        """URI of the object, or of the prefix that holds a directory's files."""
        from ..storage import signed

        # Files of a directory share a prefix made of their common digest: the same content lands in the same place.
        root = b32encode(item.digest).decode().rstrip("=").lower() if item.directory else ""
        first = ""
        for body in item.bodies:
            where = await self._backend.upload_location(project, domain, file_name=body.name, md5=body.md5, root=root)
            await self._transport.run_io(
                signed.put, where.url, body.source, headers=where.headers, content_md5=body.md5
            )
            first = first or where.uri
        return first.removesuffix(item.bodies[0].name).rstrip("/") if item.directory else first

    # -- down

    async def outputs(self, ref: RunRef) -> RunOutputs:
        """Outputs of a run that SUCCEEDED.

        Raises:
            InvalidRequest: The run has not ended well, so that it has none.
        """
        from ..literals import Codec, literal_hash, literal_metadata

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
            raise InvalidRequest(
                f"run {ref} SUCCEEDED and should have outputs {', '.join(sorted(types))}, but Flyte returned none: its store may "
                "be unreachable for FlyteAdmin, which swallows read failures. Try again, or look at the run's page."
            )
        hashes = {name: value for name, item in literals.literals.items() if (value := literal_hash(item))}
        return RunOutputs(
            Codec.default().decode_map(literals, types),
            metadata={name: literal_metadata(item) for name, item in literals.literals.items()},
            hashes=hashes,
        )

    async def inputs(self, ref: RunRef) -> RunOutputs:
        """Inputs that the run has stored, after defaults."""
        from ..literals import Codec

        literals = await self._backend.stored_inputs(ref)
        types = None
        if _needs_types(literals):
            snapshot = await self._backend.describe(ref)
            if snapshot.entity is not None:
                found = await self._backend.interface(snapshot.entity)
                types = {name: item.var.type for name, item in found.parameters.items()}
        return RunOutputs(Codec.default().decode_map(literals, types))

    async def _literals(self, ref: RunRef) -> Any:
        """The stored map, wherever it is, with offloaded literals put back."""
        from flyteidl.core import literals_pb2

        from ..literals import offloaded_uris, replace_offloaded

        stored = await self._backend.outputs(ref)
        literals = stored.literals
        if stored.url:
            literals = literals_pb2.LiteralMap.FromString(await self._transport.run_io(read_url, stored.url))
        if uris := offloaded_uris(literals):
            found = {uri: literals_pb2.Literal.FromString(await self._read(uri)) for uri in uris}
            literals = replace_offloaded(literals, found)
        return literals

    async def _read(self, uri: str) -> bytes:
        from ..storage import access

        if access.is_local(uri):
            return await self._transport.run_io(_read_all, uri)
        return await self._transport.run_io(read_url, await self._backend.download_url(uri))

    async def download(self, what: Reference | str, path: str | Path) -> Path:
        """Copies a referenced file, or all files below a directory or frame, to a local path.

        Args:
            what: A reference, or a URI.
            path: Target file; for directories and frames the target folder.

        Returns:
            The path that now exists.
        """
        from ..storage import access

        uri, target = (what if isinstance(what, str) else what.uri), Path(path)
        if isinstance(what, DirectoryRef | FrameRef):
            files = await self._transport.run_io(access.list_files, uri)
            for file in files:
                name = file.removeprefix(uri).lstrip("/") or Path(file).name
                if ".." in Path(name).parts:
                    raise InvalidRequest(f"{file} would be written outside {target}")
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                await self._transport.run_io(access.copy_to, file, place)
            return target
        return await self._transport.run_io(_copy_file, uri, target)

    async def open(self, what: Reference | str) -> IO[bytes]:
        """Opens a referenced file for reading."""
        from ..storage import access

        return await self._transport.run_io(access.open_uri, what if isinstance(what, str) else what.uri)

    async def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (a pyarrow Table without pandas)."""
        from ..literals import read_frame
        from ..storage import access

        def read() -> Any:
            files = [
                uri
                for uri in access.list_files(ref.uri)
                if not Path(uri).name.startswith(("_", ".")) or uri.endswith(".csv")
            ]
            streams = [access.open_uri(uri) for uri in files]
            try:
                return read_frame(streams, ref.format)
            finally:
                for stream in streams:
                    stream.close()

        return await self._transport.run_io(read)


def _needs_types(literals: Any) -> bool:
    """Whether decoding needs the declared types: only legacy Structs lose the difference between int and float."""

    def generic(item: Any) -> bool:
        kind = item.WhichOneof("value")
        if kind == "collection":
            return any(generic(child) for child in item.collection.literals)
        if kind == "map":
            return any(generic(child) for child in item.map.literals.values())
        if kind != "scalar":
            return False
        scalar = item.scalar.WhichOneof("value")
        return scalar == "generic" or (scalar == "union" and generic(item.scalar.union.value))

    return any(generic(item) for item in literals.literals.values())


def _stage(upload: Upload) -> Staged:
    from ..storage.bodies import bodies_of, digest_of

    directory = upload.kind == "directory"
    source = upload.source
    if upload.kind == "frame" and not isinstance(source, str | os.PathLike):
        from ..literals.dataframes import to_parquet

        source = to_parquet(source)
    elif not isinstance(source, bytes):
        source = Path(source)
    bodies = bodies_of(source, file_name=upload.file_name, directory=directory, label=upload.path)
    return Staged(token=upload.token, directory=directory, bodies=bodies, digest=digest_of(bodies, directory=directory))


def _copy_file(uri: str, target: Path) -> Path:
    from ..storage import access

    target = target / Path(uri).name if target.is_dir() else target
    access.copy_to(uri, target)
    return target


def _read_all(uri: str) -> bytes:
    return Path(uri.removeprefix("file://")).read_bytes()


def read_url(url: str) -> bytes:
    """The content behind a signed URL."""
    from ..storage import signed

    with tempfile.TemporaryDirectory(prefix="flyte-bridge-") as folder:
        target = Path(folder) / "literals.pb"
        signed.get(url, target)
        return target.read_bytes()
