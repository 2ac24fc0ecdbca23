"""Verbs on stored values: what a run, a node of it, or one attempt of a node was given and gave.

FlyteAdmin swallows failures of its store and answers with empty maps. Whoever must have values and has none was not answered:
that is told as "could not ask", never as no values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..literals.outputs import RunOutputs
from ..model.arguments import flags, texts, wrong
from ..model.errors import InvalidRequest, NotFound, Unavailable

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..backends.values import NodeValues
    from ..model.ids import RunRef
    from .data import DataOperations

__all__ = ["StoredOperations"]

_MAPS = frozenset(bytes([head]) for head in (*range(0x80, 0x90), 0xDE, 0xDF))  # the first byte of a map in msgpack
_REFERENCES = (b"\xa4path", b"\xa3uri")  # and the first key of one that flytekit writes for a file or frame
_GOOD = ("SUCCEEDED", "RECOVERED")


class StoredOperations:
    """The verbs that read values."""

    def __init__(self, backend: Backend, data: DataOperations) -> None:
        self._backend = backend
        self._data = data

    async def outputs(
        self,
        ref: RunRef,
        *,
        node: str | None = None,
        attempt: int | None = None,
        allow_pickle: bool = False,
        read_frames: bool = False,
    ) -> RunOutputs:
        """Outputs of a run, a node or an attempt that SUCCEEDED.

        Args:
            ref: The run.
            node: Id or name of a node of it.
            attempt: Number of one try of that node, 0 for the first.
            allow_pickle: Downloads pickles and runs the code in them. False leaves them references.
            read_frames: Reads frames. False leaves them references.

        Raises:
            InvalidRequest: It has not ended well, so that it has none.
            NotFound: There is no such node or attempt.
            Unavailable: It must have some, and Flyte returned none.
        """
        flags(allow_pickle=allow_pickle, read_frames=read_frames)
        if node is None:
            literals, types = await self._of_run(ref, attempt)
        else:
            what, found = await self._node(ref, node, attempt)
            if found.phase not in _GOOD:
                raise InvalidRequest(f"{what} is {found.phase}; outputs exist only after it SUCCEEDED")
            literals = await self._data.whole(found.outputs, f"the outputs of {what}")
            types = None
            if found.task is not None and (not literals.literals or _needs_types(literals)):
                types = (await self._backend.interface(found.task)).outputs
                _complete(literals, types, f"{what} {found.phase} and", "outputs")
        return await self._decoded(literals, types, "outputs", pickles=allow_pickle, frames=read_frames)

    async def inputs(self, ref: RunRef, *, node: str | None = None, attempt: int | None = None) -> RunOutputs:
        """Inputs that a run, a node or an attempt was given, after defaults. Arguments and errors as of `outputs`."""
        if node is None:
            _run_only(attempt)
            literals = await self._data.whole(await self._backend.stored_inputs(ref), f"the inputs of run {ref}")
            entity, what = None, f"run {ref}"
            if not literals.literals or _needs_types(literals):
                entity = (await self._backend.describe(ref)).entity
        else:
            what, found = await self._node(ref, node, attempt)
            literals = await self._data.whole(found.inputs, f"the inputs of {what}")
            entity = found.task if not literals.literals or _needs_types(literals) else None
        types = None
        if entity is not None:
            interface = await self._backend.interface(entity)
            types = {name: item.var.type for name, item in interface.parameters.items()}
            _complete(literals, {**types, **interface.fixed}, what, "inputs")
        return await self._decoded(literals, types, "inputs")

    async def _of_run(self, ref: RunRef, attempt: int | None) -> tuple[Any, Mapping[str, Any] | None]:
        _run_only(attempt)
        literals = await self._data.whole(await self._backend.outputs(ref), f"the outputs of run {ref}")
        if literals.literals and not _needs_types(literals):
            return literals, None
        snapshot = await self._backend.describe(ref)
        snapshot.raise_for_phase()
        if not snapshot.phase.is_success:
            raise InvalidRequest(f"{snapshot.describe()}; outputs exist only after a run SUCCEEDED: wait for it first")
        if snapshot.entity is None:
            return literals, None
        types = (await self._backend.interface(snapshot.entity)).outputs
        _complete(literals, types, f"run {ref} SUCCEEDED and", "outputs")
        return literals, types

    async def _node(self, ref: RunRef, node: str, attempt: int | None) -> tuple[str, NodeValues]:
        """What to call it, and what it was given and gave. A node is found by its id, else by its name."""
        texts(node=node)
        if attempt is not None and (isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 0):
            raise wrong("attempt", "a number, 0 for the first", attempt)
        inside = self._backend.nodes
        try:
            values = await inside.values(ref, node, attempt)
        except NotFound as error:
            every = [item for top in await inside.tree(ref) for item in top.walk()]
            ids = [item.id for item in every]
            if node in ids:
                raise  # the attempt is not there
            node_id = next((item.id for item in every if item.name == node), None)
            if node_id is None:
                names = ", ".join(ids) or "none"
                raise NotFound(f"run {ref} has no node {node!r}; it has {names}", **error.data) from None
            node, values = node_id, await inside.values(ref, node_id, attempt)
        return f"{'' if attempt is None else f'attempt {attempt} of '}node {node} of run {ref}", values

    async def _decoded(
        self, literals: Any, types: Mapping[str, Any] | None, path: str, *, pickles: bool = False, frames: bool = False
    ) -> RunOutputs:
        from ..literals import literal_hash, literal_metadata

        values = self._data.codec.decode_map(literals, types, path=path)
        return RunOutputs(
            await self._data.read_in(values, pickles=pickles, frames=frames),
            metadata={name: literal_metadata(item) for name, item in literals.literals.items()},
            hashes={name: value for name, item in literals.literals.items() if (value := literal_hash(item))},
        )


def _run_only(attempt: int | None) -> None:
    if attempt is not None:
        raise InvalidRequest(f"attempt={attempt!r}: runs have no attempts, their nodes have; name one with node=")


def _complete(literals: Any, wanted: Mapping[str, Any], what: str, side: str) -> None:
    """Raises `Unavailable` for values that must be there and are not."""
    if wanted and not literals.literals:
        raise Unavailable(
            f"{what} must have {side} {', '.join(sorted(wanted))}, but Flyte returned none: its store may be unreachable for "
            "FlyteAdmin, which swallows read failures. Try again, or look at the run's page."
        )


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
