"""Verbs on the inside of a run: nodes, decks, metrics, signals. Log links: `logs.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..model.arguments import flags, texts, wrong
from ..model.durations import seconds
from ..model.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..backends.base import Backend
    from ..config import Config
    from ..model.ids import RunRef
    from ..model.nodes import LogLine, NodeSnapshot, SpanMetric
    from ..transport.base import Transport
    from .data import DataOperations

__all__ = ["NodeOperations"]


class NodeOperations:
    """The verbs that look into runs."""

    def __init__(self, backend: Backend, transport: Transport, config: Config, data: DataOperations) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._data = data

    async def nodes(self, ref: RunRef, *, attempts: bool = False, follow: bool = False) -> tuple[NodeSnapshot, ...]:
        """The node tree; with attempts, one more call per leaf; followed, with the trees of runs that nodes started."""
        flags(attempts=attempts, follow=follow)
        tree = await self._backend.nodes.tree(ref)
        if attempts:
            tree = await self._with_attempts(ref, tree)
        return await self._followed(tree, attempts=attempts) if follow else tree

    async def deck(self, ref: RunRef, *, node: str | None = None) -> str:
        """HTML of a node's deck; of the only node that has one when none is named."""
        texts(node=node)
        if node is None:
            tree = await self._backend.nodes.tree(ref)
            having = [item.id for top in tree for item in top.walk() if item.deck_uri]
            if not having:
                raise InvalidRequest(
                    f"deck of run {ref}: none of its nodes has one; tasks write one with enable_deck=True"
                )
            if len(having) != 1:
                raise InvalidRequest(f"deck of run {ref}: name a node; these have one: {', '.join(having)}")
            node = having[0]
        urls = await self._backend.nodes.deck_urls(ref, node)
        if not urls:
            raise NotFound(f"node {node} of run {ref} has no deck")
        return (await self._data.read_signed(urls[0])).decode(errors="replace")

    async def tail(self, ref: RunRef, *, node: str | None = None, attempt: int | None = None) -> AsyncIterator[LogLine]:
        """Lines of a log, as they come; of the run itself when no node is named."""
        texts(node=node)
        await self._backend.ready()
        async for line in self._backend.nodes.tail(ref, node or "", attempt):
            yield line

    async def metrics(self, ref: RunRef) -> SpanMetric:
        """Where the time of a run went."""
        return await self._backend.nodes.metrics(ref)

    async def signal(
        self, ref: RunRef, signal_id: str, value: Any, *, timeout: float | timedelta | None = 60.0
    ) -> None:
        """Gives a gate its value; waits until the run reaches the gate, because Flyte makes the signal only then."""
        if not isinstance(signal_id, str) or not signal_id:
            raise wrong("signal_id", "the name of a gate", signal_id)
        patience, begin = seconds(timeout), self._transport.now()
        while (kind := await self._backend.nodes.gate_type(ref, signal_id)) is None:
            snapshot = await self._backend.describe(ref)
            if snapshot.phase.is_terminal:
                raise NotFound(f"no gate {signal_id!r} is reached any more: {snapshot.describe()}")
            waited = self._transport.now() - begin
            if patience is not None and waited >= patience:
                raise NotFound(
                    f"run {ref} ({snapshot.phase.value}) has not reached a gate {signal_id!r} after {patience:g} s; check the "
                    f"name, or wait longer. Console: {snapshot.console_url}"
                )
            await self._transport.sleep(self._config.poll.delay(waited, self._transport.chance()))
        encoded = self._data.codec.encode(value, kind, path=f"signal {signal_id}")
        if encoded.uploads:
            raise InvalidRequest(f"signal {signal_id} of run {ref}: files cannot be sent as signals; send a reference")
        await self._backend.nodes.set_signal(ref, signal_id, encoded.literal)

    async def _followed(self, tree: tuple[NodeSnapshot, ...], *, attempts: bool) -> tuple[NodeSnapshot, ...]:
        out = []
        for item in tree:
            if item.child_run is not None:
                children = await self.nodes(item.child_run, attempts=attempts, follow=True)
            else:
                children = await self._followed(item.children, attempts=attempts)
            out.append(replace(item, children=children))
        return tuple(out)

    async def _with_attempts(self, ref: RunRef, tree: tuple[NodeSnapshot, ...]) -> tuple[NodeSnapshot, ...]:
        out = []
        for item in tree:
            attempts = await self._backend.nodes.attempts(ref, item.id) if item.kind != "run" else ()
            out.append(replace(item, attempts=attempts, children=await self._with_attempts(ref, item.children)))
        return tuple(out)
