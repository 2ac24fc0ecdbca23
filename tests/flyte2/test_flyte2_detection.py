"""Which Flyte is at an endpoint, and over what: found by asking once, and never guessed from silence."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from flyteidl2.core import types_pb2
from scripted_flyte2 import DOMAIN, PROJECT, ScriptedFlyte2, Status, over_grpc, over_http
from support.ports import free_ports

from bridge_core import AsyncClient, Client, Config, ConfigError, EntityRef, LaunchRequest, RunNotFound, Unavailable

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def auto(endpoint: str, **more: Any) -> Config:
    return Config(endpoint=endpoint, insecure=True, project=PROJECT, domain=DOMAIN, **more)


@pytest.mark.parametrize(("serve", "transport"), [(over_grpc, "grpc"), (over_http, "connect")])
def test_flyte2_is_found_once_per_process(flyte: ScriptedFlyte2, serve: Any, transport: str, name: str) -> None:
    flyte.deploy("env.none", {}, {})
    with serve(flyte) as endpoint:
        with Client(auto(endpoint)) as client:
            assert (client.capabilities.flyte_version, client.capabilities.transport) == (2, transport)
            client.launch(LaunchRequest(EntityRef.task("env.none"), name=name))
        with Client(auto(endpoint)) as other:
            other.describe(f"{PROJECT}/{DOMAIN}/{name}")

        async def main() -> int:
            async with AsyncClient(auto(endpoint)) as client:
                await client.describe(f"{PROJECT}/{DOMAIN}/{name}")
                return (await client.capabilities).flyte_version

        assert asyncio.run(main()) == 2
        asked = flyte.calls.count("GetPublicClientConfig")
        assert asked == 1
        with Client(auto(endpoint)) as client:
            client.clear_cache()


def test_flyte1_is_found(flyte_sandbox: Sandbox) -> None:
    with Client(auto(flyte_sandbox.endpoint)) as client:
        assert (client.capabilities.flyte_version, client.capabilities.transport) == (1, "grpc")
        with pytest.raises(RunNotFound):
            client.describe(f"{PROJECT}/{DOMAIN}/nothing")


def test_the_first_verb_of_an_async_client_finds_out(flyte: ScriptedFlyte2, name: str) -> None:
    flyte.deploy("env.none", {}, {})
    with over_http(flyte) as endpoint:

        async def main() -> None:
            async with AsyncClient(auto(endpoint)) as client:
                refs = await asyncio.gather(
                    *(client.launch(LaunchRequest("task:env.none", name=f"{name}{number}")) for number in range(5))
                )
                assert [item async for item in client.list_runs(limit=2)]
                flyte.end(refs[0].name)
                await client.wait(refs[0], timeout=10)

        asyncio.run(main())


@pytest.mark.parametrize("serve", [over_grpc, over_http])
def test_the_question_is_none_of_the_login(flyte: ScriptedFlyte2, serve: Any) -> None:
    """Both ask GetPublicClientConfig, and read different things into its bytes."""
    with serve(flyte) as endpoint, Client(auto(endpoint)) as client:
        assert client.projects()
        assert client.whoami() == ""
        client.clear_cache()


def test_nobody_there_is_no_verdict(flyte: ScriptedFlyte2) -> None:
    (port,) = free_ports(1)
    config = auto(f"127.0.0.1:{port}", rpc_timeout=2.0)
    with Client(config) as client:
        with pytest.raises(Unavailable):
            client.describe(f"{PROJECT}/{DOMAIN}/x")
        server = grpc.server(ThreadPoolExecutor(4), handlers=[_handlers(flyte)])
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        try:
            for _ in range(60):  # gRPC backs off before it connects again
                try:
                    assert client.capabilities.flyte_version == 2
                    break
                except Unavailable:
                    time.sleep(0.2)
            else:
                pytest.fail("never found")
        finally:
            server.stop(0).wait(5)


def _handlers(flyte: ScriptedFlyte2) -> Any:
    from scripted_flyte2 import _Generic

    return _Generic(flyte)


def test_what_is_said_is_not_asked(flyte: ScriptedFlyte2) -> None:
    with over_http(flyte) as endpoint, Client(auto(endpoint, transport="connect")) as client:
        assert client.capabilities.transport == "connect"
        assert client.projects()
    assert "GetPublicClientConfig" not in flyte.calls


def test_a_flyte1_where_a_flyte2_was_said(flyte_sandbox: Sandbox) -> None:
    with (
        Client(auto(flyte_sandbox.endpoint, flyte_version=2)) as client,
        pytest.raises(Exception, match="is no Flyte 2"),
    ):
        client.projects()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"flyte_version": 3}, "flyte_version must be 1, 2 or 'auto', got 3"),
        ({"flyte_version": True}, "flyte_version must be"),
        ({"transport": "carrier pigeon"}, "transport must be one of auto, grpc, connect"),
        ({"flyte_version": 1, "transport": "connect"}, "FlyteAdmin speaks gRPC only"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        auto("h:1", **settings)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_PLATFORM_FLYTE_VERSION", "2")
    monkeypatch.setenv("FLYTE_ADMIN_TRANSPORT", "connect")
    config = Config.auto(search_cwd=False)
    assert (config.flyte_version, config.transport) == (2, "connect")
    assert Config.from_mapping(config.to_mapping()) == config
    monkeypatch.setenv("FLYTE_PLATFORM_FLYTE_VERSION", "two")
    with pytest.raises(ConfigError, match="FLYTE_PLATFORM_FLYTE_VERSION: flyte_version must be"):
        Config.auto(search_cwd=False)


def test_credentials_of_grpc_cannot_go_over_connect() -> None:
    with pytest.raises(ConfigError, match="credentials= are gRPC's"):
        Client(auto("h:1", transport="connect"), credentials=grpc.ssl_channel_credentials())


# -- what Connect's answers mean

LATE = "DEADLINE_EXCEEDED"


@contextmanager
def answering(status: int, kind: str, body: bytes, *, cut: int = 0) -> Iterator[str]:
    """An HTTP server that always says this; ``cut``: bytes that it promises and does not send."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body) + cut))
            self.end_headers()
            self.wfile.write(body)
            if cut:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize(
    ("status", "kind", "body", "error", "code"),
    [
        (404, "application/json", b'{"code":"not_found","message":"run x"}', "NotFound", "NOT_FOUND"),
        (503, "text/html", b"<html>busy</html>", "Unavailable", "UNAVAILABLE"),
        (404, "text/plain", b"404 page not found\n", "Unavailable", "UNIMPLEMENTED"),
        (403, "text/html", b"<html>no</html>", "Unavailable", "PERMISSION_DENIED"),
        (403, "application/json", b'{"code":"permission_denied","message":"no"}', "PermissionDenied", "PERMISSION_DENIED"),
        (501, "application/json", b'{"code":"unimplemented","message":"no"}', "Unsupported", "UNIMPLEMENTED"),
        (200, "text/html", b"<html>log in</html>", "Unavailable", "UNAVAILABLE"),
        (500, "application/json", b'{"code":"internal","message":"context deadline exceeded"}', "DeadlineExceeded", LATE),
        (429, "text/plain", b"slow down", "Unavailable", "UNAVAILABLE"),
        (499, "application/json", b'{"code":"canceled","message":"gone"}', "Unavailable", "CANCELLED"),
        (400, "application/json", b"no json", "Unavailable", "INTERNAL"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("aio", [False, True])
def test_errors_of_connect(status: int, kind: str, body: bytes, error: str, code: str, *, aio: bool) -> None:
    with answering(status, kind, body) as endpoint:
        config = auto(endpoint, transport="connect").replace(retry={"retries": 0})
        with pytest.raises(Exception) as caught:  # noqa: PT011
            _projects(config, aio=aio)
    assert (type(caught.value).__name__, caught.value.code) == (error, code)


def _projects(config: Config, *, aio: bool) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            await client.projects()

    if aio:
        asyncio.run(main())
    else:
        with Client(config) as client:
            client.projects()


def _tail(config: Config, ref: str, *, aio: bool) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            async for _ in client.tail_logs(ref, attempt=0):
                pass

    if aio:
        asyncio.run(main())
    else:
        with Client(config) as client:
            list(client.tail_logs(ref, attempt=0))


@pytest.mark.parametrize("aio", [False, True])
def test_an_answer_that_breaks_off(*, aio: bool) -> None:
    with answering(200, "application/proto", b"\x0a\x02", cut=50) as endpoint:
        config = auto(endpoint, transport="connect").replace(retry={"retries": 0})
        with pytest.raises(Unavailable, match="before the answer was whole"):
            _projects(config, aio=aio)


@pytest.mark.parametrize("aio", [False, True])
def test_an_answer_that_is_too_large(*, aio: bool) -> None:
    with answering(200, "application/proto", b"x" * 5000) as endpoint:
        config = auto(endpoint, transport="connect").replace(max_message_bytes=1000)
        with pytest.raises(Exception, match="max_message_bytes is 1000"):
            _projects(config, aio=aio)


def test_a_client_is_used_again_after_it_was_closed(flyte: ScriptedFlyte2, config: Config) -> None:
    client = Client(config)
    assert client.projects()
    client.close()
    assert client.projects()
    client.close()

    async def main() -> None:
        again = AsyncClient(config)
        assert await again.projects()
        await again.aclose()
        assert await again.projects()
        await again.aclose()

    asyncio.run(main())


# -- streams


def test_logs_are_tailed(flyte: ScriptedFlyte2, config: Config, name: str) -> None:
    flyte.deploy("env.none", {"x": types_pb2.INTEGER}, {})
    with Client(config) as client:
        ref = client.launch(LaunchRequest("task:env.none", inputs={"x": 1}, name=name))
        flyte.end(name)
        assert [line.text for line in client.tail_logs(ref)] == ["one", "two"]

        def gone(_: Any) -> None:
            raise Status("NOT_FOUND", "pod is gone")

        flyte.before["TailLogs"] = gone
        with pytest.raises(Exception, match="pod is gone"):
            list(client.tail_logs(ref))

    async def main() -> list[str]:
        flyte.before.clear()
        async with AsyncClient(config) as client:
            return [line.text async for line in client.tail_logs(ref)]

    assert asyncio.run(main()) == ["one", "two"]


@pytest.mark.parametrize("aio", [False, True])
def test_a_stream_that_breaks_off_is_no_end(*, aio: bool, name: str) -> None:
    import struct

    whole = struct.pack(">BI", 0, 0)
    with answering(200, "application/connect+proto", whole) as endpoint:
        config = auto(endpoint, transport="connect").replace(retry={"retries": 0})
        ref = f"{PROJECT}/{DOMAIN}/{name}"
        with pytest.raises(Unavailable, match="before the stream did"):
            _tail(config, ref, aio=aio)
