"""Many runs as one stream: launched, waited for, and handed out as they end, with at most so many of them going at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from ..model.arguments import count, flags
from ..model.batches import BatchRun, grouped
from ..model.durations import seconds
from ..model.errors import BridgeError
from ..model.ids import EntityRef, RunRef
from ..model.requests import LaunchRequest
from ..waiting.blocking import BlockingWait
from ..waiting.timeouts import Outage, timed_out
from .runs import poll_of

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..transport.base import Transport
    from .launch import LaunchOperations

__all__ = ["BatchOperations"]

_AT_ONCE = 64
"""Requests that are launched between two looks at the runs that go already."""


class BatchOperations:
    """Launching and waiting for many."""

    def __init__(self, backend: Backend, transport: Transport, config: Config, launch: LaunchOperations) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._launch = launch

    def run_many(
        self,
        requests: Iterable[LaunchRequest | EntityRef | str],
        *,
        concurrency: int = 0,
        in_order: bool = False,
        return_exceptions: bool = False,
        group_name: str | None = None,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[BatchRun]:
        """Launches all, and gives what became of each as it ends; see `Client.run_many`."""
        count(concurrency=concurrency)
        flags(in_order=in_order, return_exceptions=return_exceptions)
        if isinstance(requests, str) or not isinstance(requests, Iterable):
            requests = LaunchRequest.list_of(requests)  # says what is wrong
        batch = _Batch(
            self._backend,
            self._transport,
            self._launch,
            wait=BlockingWait(
                self._backend, self._transport, poll_of(self._config, poll_interval), (), keep_errors=True
            ),
            waiting=(grouped(LaunchRequest.of(item), group_name) for item in requests),
            concurrency=concurrency,
            patience=seconds(timeout),
        )
        found = batch.results(return_exceptions=return_exceptions)
        return _ordered(found) if in_order else found


class _Batch:
    """One call of `run_many`."""

    def __init__(
        self,
        backend: Backend,
        transport: Transport,
        launch: LaunchOperations,
        *,
        wait: BlockingWait,
        waiting: Iterator[LaunchRequest],
        concurrency: int,
        patience: float | None,
    ) -> None:
        self._backend = backend
        self._transport = transport
        self._launch = launch
        self._registering = launch.registering()
        self._wait = wait
        self._waiting = enumerate(waiting)
        self._concurrency = concurrency
        self._patience = patience
        self._going: dict[RunRef, list[tuple[int, LaunchRequest]]] = {}

    async def results(self, *, return_exceptions: bool) -> AsyncIterator[BatchRun]:
        """What became of each, as it is known."""
        begin = self._transport.now()
        end = math.inf if self._patience is None else begin + self._patience
        outage = Outage("the runs of a batch")
        exhausted = False
        while True:
            if not exhausted:
                room = self._concurrency - len(self._going) if self._concurrency else _AT_ONCE
                taken = list(itertools.islice(self._waiting, min(room, _AT_ONCE)))
                exhausted = len(taken) < min(room, _AT_ONCE)
                for failed in await self._begin(taken, return_exceptions=return_exceptions):
                    yield failed
            if not self._going:
                if exhausted:
                    return
                continue
            await self._wait.ask(until=None if math.isinf(end) else end)
            for found in self._ended():
                if found.error is not None and not return_exceptions:
                    raise found.error
                yield found
            outage.tell(self._wait.trouble)
            if not self._going or (not exhausted and len(self._going) < (self._concurrency or math.inf)):
                continue
            left = end - self._transport.now()
            if left <= 0:
                ref, *others = self._going
                raise timed_out(ref, end - begin, self._wait.last(ref), self._wait.trouble, others=len(others))
            await self._transport.sleep(min(self._wait.due_in(), left))

    async def _begin(self, taken: list[tuple[int, LaunchRequest]], *, return_exceptions: bool) -> list[BatchRun]:
        """Launches these; returns those that could not be."""
        failed = []
        launched = await self._launch.launch_many(
            [request for _, request in taken],
            return_exceptions=return_exceptions,
            registering=self._registering,
        )
        for (number, request), outcome in zip(taken, launched, strict=True):
            if isinstance(outcome, BridgeError):
                failed.append(BatchRun(number=number, request=request, error=outcome))
            else:
                self._going.setdefault(outcome, []).append((number, request))
                self._wait.add(outcome)
        return failed

    def _ended(self) -> list[BatchRun]:
        out = []
        for ref in [ref for ref in self._going if ref in self._wait.done or ref in self._wait.failed]:
            snapshot, error = self._wait.done.pop(ref, None), self._wait.failed.pop(ref, None)
            for number, request in self._going.pop(ref):
                out.append(BatchRun(number=number, request=request, ref=ref, snapshot=snapshot, error=error))
        return out


async def _ordered(found: AsyncIterator[BatchRun]) -> AsyncIterator[BatchRun]:
    """In the order of the requests; those that end early wait for those before them."""
    early: dict[int, BatchRun] = {}
    turn = 0
    async for item in found:
        early[item.number] = item
        while turn in early:
            yield early.pop(turn)
            turn += 1
