"""What happens around every RPC, top to bottom: name it, give it a deadline, send, classify, retry.

One readable function instead of interceptors: there is one order, and it is this one.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from .errors import BridgeError

if TYPE_CHECKING:
    from .config import Config
    from .transport.base import Method, Req, Resp, Transport

__all__ = ["Calls"]

log = logging.getLogger("bridge_core")


class Calls:
    """Sends calls for one `Config` over one transport."""

    def __init__(self, transport: Transport, config: Config) -> None:
        self.transport = transport
        self._config = config

    async def unary(
        self, method: Method[Req, Resp], request: Req, *, timeout: float | None = None, retry: bool = True
    ) -> Resp:
        """One call, sent again while that is safe and may help.

        Args:
            method: Which RPC.
            request: Its request; every attempt sends these same bytes.
            timeout: Seconds for all attempts together. None, or more than that: ``Config.rpc_timeout``.
            retry: False for one attempt only: for callers that have a loop of their own.

        Raises:
            BridgeError: Of the type that the status stands for. Nothing of grpc escapes.
        """
        transport, policy = self.transport, self._config.retry
        request_id = uuid.uuid4().hex
        metadata = (("accept", "application/grpc"), ("x-request-id", request_id), *self._config.metadata)
        budget = self._config.rpc_timeout if timeout is None else min(timeout, self._config.rpc_timeout)
        deadline = transport.now() + budget
        # A share per attempt, so that one black-holed connection does not eat the time of the attempt that would succeed.
        share = budget / (policy.retries + 1) if method.safe and retry else budget
        attempt = 1
        while True:
            left = max(min(share, deadline - transport.now()), 0.001)
            try:
                return await transport.unary(method, request, timeout=left, metadata=metadata)
            except BridgeError as error:
                delay = policy.delay_after(attempt, error, safe=method.safe and retry)
                if delay is None or transport.now() + delay >= deadline:
                    raise
                log.debug("%s: %s; attempt %d in %.1f s", method.name, error.code, attempt + 1, delay)
            await transport.sleep(delay)
            attempt += 1
