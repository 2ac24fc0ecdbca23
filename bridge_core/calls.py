"""What happens around every RPC, top to bottom: name it, authenticate, give it a deadline, send, classify, retry.

One readable function instead of interceptors: there is one order, and it is this one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from .auth.tokens import Tokens
from .config.metadata import as_sent
from .model.errors import BridgeError
from .telemetry import CallRecord, observed

if TYPE_CHECKING:
    from .config import Config
    from .transport.base import Method, Req, Resp, Transport

__all__ = ["Calls"]

log = logging.getLogger("bridge_core")

_SHORTEST_SHARE = 1.0
"""Seconds that one attempt may take at least: a caller with little patience must still hear a server that is far away."""


class _Carried(tuple[tuple[str, str], ...]):
    """Metadata that shows its keys only: tools that print local variables of a traceback must not print tokens."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"metadata({', '.join(key for key, _ in self)})"


class Calls:
    """Sends calls for one `Config` over one transport."""

    def __init__(self, transport: Transport, config: Config) -> None:
        self.transport = transport
        self._config = config
        self._tokens = Tokens(config)

    def over(self, transport: Transport) -> Calls:
        """The same credentials over another transport."""
        other = Calls(transport, self._config)
        other._tokens = self._tokens
        return other

    @property
    def credentials(self) -> str:
        """What calls are authenticated with now, in words."""
        return self._tokens.in_words

    async def unary(
        self, method: Method[Req, Resp], request: Req, *, timeout: float | None = None, retry: bool = True
    ) -> Resp:
        """One call, sent again while that is safe and may help, and once more with a new token when the old one is refused.

        Args:
            method: Which RPC.
            request: Its request; every attempt sends these same bytes.
            timeout: Seconds for all attempts together, without logging in. None, or more than that: ``Config.rpc_timeout``.
            retry: False for one attempt only: for callers that have a loop of their own.

        Raises:
            BridgeError: Of the type that the status stands for. Nothing of grpc escapes.
        """
        request_id = os.urandom(16).hex()
        with observed(method, self.transport.target, request_id) as record:
            return await self._attempts(method, request, request_id, timeout, retry=retry, record=record)

    async def anonymous(self, method: Method[Req, Resp], request: Req, *, timeout: float) -> Resp:
        """One attempt of a call that needs no credentials, and logs nobody in."""
        request_id = os.urandom(16).hex()
        metadata = _Carried(
            (("accept", "application/grpc"), ("x-request-id", request_id), *as_sent(self._config.metadata))
        )
        with observed(method, self.transport.target, request_id):
            return await self.transport.unary(method, request, timeout=timeout, metadata=metadata)

    async def stream(
        self, method: Method[Req, Resp], request: Req, *, timeout: float | None = None
    ) -> AsyncIterator[Resp]:
        """One server stream. It is begun again, as `unary` is, until its first message came; what ends it later is raised.

        That it ended well says nothing about what it told of: a server may end it when the time is over.

        Args:
            method: Which RPC.
            request: Its request.
            timeout: Seconds for all of it. None: ``Config.rpc_timeout``.
        """
        request_id, transport, tokens = os.urandom(16).hex(), self.transport, self._tokens
        metadata = _Carried((("x-request-id", request_id), *as_sent(self._config.metadata)))
        budget = self._config.rpc_timeout if timeout is None else timeout
        deadline, attempt, renewals, begun = transport.now() + budget, 1, 0, False
        with observed(method, transport.target, request_id) as record:
            while True:
                sent = None
                try:
                    sent = await tokens.to_send(transport)
                    left = max(deadline - transport.now(), 0.001)
                    carried = _Carried((*metadata, *sent.metadata))
                    async for message in transport.stream(method, request, timeout=left, metadata=carried):
                        begun = True
                        yield message
                except BridgeError as error:
                    failure = error
                else:
                    return
                if begun:
                    raise failure
                if sent is not None and tokens.refused(failure, sent, method):
                    problem = await tokens.renew(transport, sent, failure, renewals)
                    if problem is None:
                        renewals += 1
                        continue
                    failure = problem
                delay = self._config.retry.delay_after(attempt, failure, safe=method.safe)
                if delay is None or transport.now() + delay >= deadline:
                    raise failure
                record.again(failure.code)
                await transport.sleep(delay)
                attempt += 1

    async def _attempts(
        self,
        method: Method[Req, Resp],
        request: Req,
        request_id: str,
        timeout: float | None,
        *,
        retry: bool,
        record: CallRecord,
    ) -> Resp:
        transport, tokens, policy = self.transport, self._tokens, self._config.retry
        metadata = _Carried(
            (("accept", "application/grpc"), ("x-request-id", request_id), *as_sent(self._config.metadata))
        )
        budget = self._config.rpc_timeout if timeout is None else min(timeout, self._config.rpc_timeout)
        deadline = transport.now() + budget
        # A share per attempt, so that one black-holed connection does not eat the time of the attempt that would succeed.
        share = budget
        if method.safe and retry:
            share = self._config.attempt_timeout or max(budget / (policy.retries + 1), _SHORTEST_SHARE)
        attempt, renewals = 1, 0
        while True:
            before, sent = transport.now(), None
            try:
                sent = await tokens.to_send(transport)
                deadline += transport.now() - before  # logging in is no part of the call
                left = max(min(share, deadline - transport.now()), 0.001)
                carried = _Carried((*metadata, *sent.metadata))
                return await transport.unary(method, request, timeout=left, metadata=carried)
            except BridgeError as error:
                failure = error
            if sent is not None and tokens.refused(failure, sent, method):
                before = transport.now()
                problem = await tokens.renew(transport, sent, failure, renewals)
                if problem is None:
                    deadline += transport.now() - before
                    renewals += 1
                    continue
                failure = problem
            delay = policy.delay_after(attempt, failure, safe=method.safe and retry)
            if delay is None or transport.now() + delay >= deadline:
                raise failure
            record.again(failure.code)
            log.debug("%s: %s; attempt %d in %.1f s", method.name, failure.code, attempt + 1, delay)
            await transport.sleep(delay)
            attempt += 1
