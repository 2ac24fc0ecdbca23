"""Which Flyte is at an endpoint, and in what it answers: found once per process and endpoint, by one anonymous call.

``GetPublicClientConfig`` of Flyte 2 is what decides: its open-source backend always answers it, without credentials, and
FlyteAdmin does not know it. Over gRPC first; when plain HTTP comes back, or nothing that gRPC can read, over Connect. "Cannot be
reached" is no verdict: it is raised, and the next call asks again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model.errors import AuthError, BridgeError, Unsupported
from ..model.status import answered_by_proxy
from ..transport.base import Method

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..calls import Calls
    from ..config import Config

__all__ = ["Verdict", "detect", "forget", "known"]

_TIMEOUT = 15.0
_NOBODY = ("Failed to connect to remote host", "DNS resolution failed", "Name or service not known")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is there."""

    version: int
    protocol: str


_FOUND: dict[tuple[Any, ...], Verdict] = {}
_LOCK = threading.Lock()


def _probe(service: str) -> Method[bytes, bytes]:
    return Method(f"/{service}.AuthMetadataService/GetPublicClientConfig", bytes, bytes, safe=True)


_OF_FLYTE2 = _probe("flyteidl2.auth")
_OF_FLYTE1 = _probe("flyteidl.service")


def known(config: Config) -> Verdict | None:
    """What was found before."""
    return _FOUND.get(_key(config))


def forget(config: Config) -> None:
    """The next client asks again."""
    with _LOCK:
        _FOUND.pop(_key(config), None)


async def detect(calls: Calls, config: Config) -> Verdict:
    """Asks, and remembers the answer.

    Raises:
        BridgeError: Nobody could be asked.
    """
    verdict, attempt, transport = known(config), 1, calls.transport
    end = transport.now() + config.rpc_timeout
    while verdict is None:
        try:
            verdict = await _asked(calls, config)
        except BridgeError as error:
            delay = config.retry.delay_after(attempt, error, safe=True)
            if delay is None or transport.now() + delay >= end:
                raise
            await transport.sleep(delay)
            attempt += 1
    with _LOCK:
        _FOUND[_key(config)] = verdict
    return verdict


async def _asked(calls: Calls, config: Config) -> Verdict:
    if calls.transport.protocol == "connect":  # a client that was told before
        return Verdict(2, "connect")
    problem = await _problem(calls.anonymous(_OF_FLYTE2, b"", timeout=_TIMEOUT))
    if isinstance(problem, AuthError) or (problem is not None and answered_by_proxy(problem)):
        # Somebody wants to know who we are first. FlyteAdmin tells strangers where to log in; else we do so for this question.
        if config.flyte_version == "auto":
            refused = await _problem(calls.anonymous(_OF_FLYTE1, b"", timeout=_TIMEOUT))
            if refused is None:
                return Verdict(1, "grpc")
        problem = await _problem(calls.unary(_OF_FLYTE2, b"", timeout=_TIMEOUT, retry=False))
    if problem is None:
        return Verdict(2, "grpc")
    if _refused_by_provider(problem):  # asked again, it would be a second wrong login
        raise problem
    native = isinstance(problem, Unsupported) and not answered_by_proxy(problem)
    if native and config.flyte_version != 2:  # noqa: PLR2004
        return Verdict(1, "grpc")
    if config.transport == "auto" and not native and not _unreachable(problem) and await _answers_connect(calls):
        return Verdict(2, "connect")
    if config.flyte_version == "auto" and await _answers_flyte1(calls, problem):
        return Verdict(1, "grpc")
    if native:
        raise Unsupported(
            f"{config.endpoint} is no Flyte 2 (flyte_version from {config.origin('flyte_version')}): {problem.message}",
            **problem.data,
        )
    raise problem


async def _problem(asking: Awaitable[bytes]) -> BridgeError | None:
    try:
        await asking
    except BridgeError as error:
        return error
    return None


def _unreachable(problem: BridgeError) -> bool:
    """Whether nothing answers at all, in the words of gRPC."""
    return any(words in (problem.details or "") for words in _NOBODY)


def _refused_by_provider(problem: BridgeError) -> bool:
    """Whether it was the login that failed: without a status of gRPC nobody at the endpoint said it."""
    return isinstance(problem, AuthError) and problem.code is None


async def _answers_connect(calls: Calls) -> bool:
    other = calls.transport.spoken("connect")
    try:
        await calls.over(other).unary(_OF_FLYTE2, b"", timeout=_TIMEOUT, retry=False)
    except BridgeError as error:
        if _refused_by_provider(error):
            raise
        return isinstance(error, AuthError)
    else:
        return True
    finally:
        await other.release()


async def _answers_flyte1(calls: Calls, problem: BridgeError) -> bool:
    """Behind an ingress that knows FlyteAdmin's paths only, or one that lets nobody in unknown, FlyteAdmin itself says."""
    if not (answered_by_proxy(problem) or isinstance(problem, AuthError)):
        return False
    try:
        await calls.unary(_OF_FLYTE1, b"", timeout=_TIMEOUT, retry=False)
    except BridgeError as error:
        return isinstance(error, Unsupported) and not answered_by_proxy(error)
    return True


def _key(config: Config) -> tuple[Any, ...]:
    return config.endpoint, config.insecure, config.flyte_version, config.transport, config.auth.http_proxy_url
