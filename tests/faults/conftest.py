"""The embedded Flyte behind a proxy that misbehaves."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte
from support.proxy import Proxy

from bridge_core import Config, PollPolicy, RetryPolicy

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture
def proxy(flyte_sandbox: Sandbox) -> Iterator[Proxy]:
    with Proxy(flyte_sandbox.endpoint) as proxy:
        yield proxy


@pytest.fixture
def raw(flyte_sandbox: Sandbox) -> RawFlyte:
    """The wire past the proxy: what really happens."""
    return RawFlyte(flyte_sandbox.endpoint)


@pytest.fixture
def config(proxy: Proxy) -> Config:
    """Through the proxy, with numbers scaled down so that what takes minutes in production takes seconds here."""
    return Config.for_endpoint(
        proxy.endpoint,
        insecure=True,
        project="flytesnacks",
        domain="development",
        rpc_timeout=2.0,
        retry=RetryPolicy(retries=1, first_delay=0.05, longest_delay=0.2),
        poll=PollPolicy(shortest=0.1, longest=0.3),
        grpc_options=(
            ("grpc.keepalive_time_ms", 1000),
            ("grpc.keepalive_timeout_ms", 1000),
            ("grpc.http2.ping_timeout_ms", 1000),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 500),
        ),
    )


@pytest.fixture
def name() -> str:
    return "f" + uuid.uuid4().hex[:12]
