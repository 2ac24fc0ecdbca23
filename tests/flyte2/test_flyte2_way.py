"""How Connect gets to Flyte: what is sent and unpacked, TLS, client certificates, proxies. On both transports that speak it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import importlib.util
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from flyteidl2.project import project_service_pb2
from support.authority import Authority
from support.http_proxy import HttpProxy
from support.ports import has_ipv6

from bridge_core import AsyncClient, BridgeError, Client, Config, ConfigError, LimitExceeded, Unavailable
from bridge_core.backends.flyte2.methods import rpc
from bridge_core.transport.connect import Refused, base_url
from bridge_core.transport.connect_aio import AioConnect
from bridge_core.transport.connect_blocking import BlockingConnect

NAMES = ["one", "two"]
ANSWER = project_service_pb2.ListProjectsResponse(
    projects={"projects": [{"id": name, "name": name} for name in NAMES]}
).SerializeToString()


class Said:
    """What a server says, and what it was asked."""

    def __init__(self, body: bytes = ANSWER, **headers: str) -> None:
        self.body = body
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}
        self.status = 200
        self.asked: list[dict[str, str]] = []
        self.port = 0


@contextmanager
def serving(said: Said, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Said]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            said.asked.append({key.lower(): value for key, value in self.headers.items()})
            self.send_response(said.status)
            for key, value in {"content-type": "application/proto", **said.headers}.items():
                self.send_header(key, value)
            self.send_header("content-length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

    with listening(Handler, tls=tls, address=address) as port:
        said.port = port
        yield said


@contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[int]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def handle_error(self, *_: Any) -> None:
            """A client that does not trust us hangs up."""

    server = Server((address, 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FLYTE_", "UCTL")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=[False, True], ids=["blocking", "aio"])
def aio(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def proxy() -> Iterator[HttpProxy]:
    with HttpProxy() as proxy:
        yield proxy


def connect(endpoint: str, **more: Any) -> Config:
    config = Config(endpoint=endpoint, flyte_version=2, transport="connect", rpc_timeout=10)
    return config.replace(retry={"retries": 0}, **more)


def projects(config: Config, *, aio: bool) -> list[str]:
    async def main() -> list[str]:
        async with AsyncClient(config) as client:
            return [item.id for item in await client.projects()]

    if aio:
        return asyncio.run(main())
    with Client(config) as client:
        return [item.id for item in client.projects()]


# -- what is sent, and what comes back


@pytest.mark.parametrize(("address", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_what_is_sent(address: str, shown: str, *, aio: bool) -> None:
    if address == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with serving(Said(), address=address) as said:
        metadata = (("x-team", "ml"), ("trace-bin", b"\xff\x00"))
        assert projects(connect(f"{shown}:{said.port}", insecure=True, metadata=metadata), aio=aio) == NAMES
    sent = said.asked[0]
    assert sent["host"] == f"{shown}:{said.port}"
    assert sent["x-team"] == "ml"
    assert base64.b64decode(sent["trace-bin"] + "==") == b"\xff\x00"
    assert (sent["content-type"], sent["connect-protocol-version"]) == ("application/proto", "1")
    assert sent["accept-encoding"] == "gzip"
    assert int(sent["connect-timeout-ms"]) > 0


@pytest.mark.parametrize("body", [gzip.compress(ANSWER), b""], ids=["some", "none"])
def test_a_packed_answer(body: bytes, *, aio: bool) -> None:
    with serving(Said(body, content_encoding="gzip")) as said:
        assert projects(connect(f"127.0.0.1:{said.port}", insecure=True), aio=aio) == (NAMES if body else [])


@pytest.mark.parametrize(
    ("body", "packed", "error", "words"),
    [
        (gzip.compress(b"x" * 5000), "gzip", LimitExceeded, "max_message_bytes is 1000"),
        (gzip.compress(ANSWER)[:-9], "gzip", BridgeError, "its gzip breaks off"),
        (gzip.compress(ANSWER) * 2, "gzip", BridgeError, "goes on after its end"),
        (ANSWER, "gzip", BridgeError, "not gzip"),
        (ANSWER, "br", BridgeError, "packed its answer as 'br'"),
    ],
    ids=["too large", "cut", "more", "not packed", "otherwise packed"],
)
def test_a_packed_answer_that_cannot_be_read(
    body: bytes, packed: str, error: type[BridgeError], words: str, *, aio: bool
) -> None:
    with serving(Said(body, content_encoding=packed)) as said, pytest.raises(error, match=words):
        projects(connect(f"127.0.0.1:{said.port}", insecure=True, max_message_bytes=1000), aio=aio)


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_error_is_an_error_all_the_same(*, packed: bool, aio: bool) -> None:
    said = Said(b"<html>" + b"busy " * 500_000, content_type="text/html")
    said.status = 503
    if packed:
        said.body, said.headers["content-encoding"] = gzip.compress(said.body), "gzip"
    with serving(said), pytest.raises(Unavailable, match="503 <html>busy"):
        projects(connect(f"127.0.0.1:{said.port}", insecure=True, max_message_bytes=1000), aio=aio)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("straße.example:443", "http://xn--strae-oqa.example:443"),
        ("MÜNCHEN.example", "http://xn--mnchen-3ya.example"),
        ("[::1]:8090", "http://[::1]:8090"),
        (":8090", "http://localhost:8090"),
        ("flyte.example.", "http://flyte.example."),
    ],
)
def test_names_are_those_that_browsers_would_ask_for(endpoint: str, url: str) -> None:
    assert base_url(endpoint, insecure=True) == url


@pytest.mark.parametrize("endpoint", ["a..b:80", f"{'a' * 64}.example:80", "\u00ad.example"])
def test_a_name_that_can_be_none_is_refused(endpoint: str, *, aio: bool) -> None:
    with pytest.raises(ConfigError, match="no such name can be in the DNS"):
        projects(connect(endpoint, insecure=True), aio=aio)


@pytest.mark.parametrize("value", ["bad\nline-of-the-secret", "geheim-of-the-secret-ß"])
def test_a_value_that_no_header_can_hold_is_refused_and_not_shown(value: str) -> None:
    with (
        Client(connect("127.0.0.1:1", insecure=True)) as client,
        pytest.raises(ConfigError, match="auth_metadata key 'x-token'") as refused,
        client.auth_metadata(("x-token", value)),
    ):
        pass
    assert "of-the-secret" not in str(refused.value)


def test_a_stream_that_trickles_ends_with_its_time(*, aio: bool) -> None:
    """Each read is answered in time, and the whole never."""

    class Trickling(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("content-type", "application/connect+proto")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not over.wait(0.05):
                    self.wfile.write(b"5\r\n\x00\x00\x00\x00\x00\r\n")

    over = threading.Event()
    with listening(Trickling) as port:
        try:
            with pytest.raises(Refused, match="not whole in time"):
                _stream(connect(f"127.0.0.1:{port}", insecure=True), aio=aio)
        finally:
            over.set()


def _stream(config: Config, *, aio: bool) -> None:
    method = rpc("ListProjects")
    request = project_service_pb2.ListProjectsRequest()

    async def main() -> None:
        way = AioConnect(config, threaded=asyncio.to_thread, until=asyncio.timeout)
        try:
            async for _ in way.stream(method, request, timeout=0.5, metadata=()):
                pass
        finally:
            await way.aclose()

    if aio:
        asyncio.run(main())
        return
    way = BlockingConnect(config)
    try:
        for _ in way.stream(method, request, timeout=0.5, metadata=()):
            pass
    finally:
        way.close()


# -- TLS


@pytest.mark.parametrize("mutual", [False, True])
def test_certificates(authority: Authority, tmp_path: Path, *, mutual: bool, aio: bool) -> None:
    with serving(Said(), tls=_context(authority, mutual=mutual)) as said:
        endpoint = f"localhost:{said.port}"
        ca = {"ca_cert_file": str(authority.ca_file)}
        ours = {"client_cert_file": str(authority.client_chain), "client_key_file": str(authority.client_key)}
        assert projects(connect(endpoint, **ca, **ours), aio=aio) == NAMES
        if mutual:
            with pytest.raises(Unavailable):
                projects(connect(endpoint, **ca), aio=aio)
        else:
            assert projects(connect(endpoint, insecure_skip_verify=True), aio=aio) == NAMES
        with pytest.raises(Unavailable, match=r"certificate|issuer"):
            projects(connect(endpoint), aio=aio)
        with pytest.raises(ConfigError, match=r"ca_cert_file /nowhere\.pem cannot be read"):
            projects(connect(endpoint, ca_cert_file="/nowhere.pem"), aio=aio)


# -- proxies


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy(
    authority: Authority, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, *, secure: bool, aio: bool
) -> None:
    way = f"http://user:hunter%202@127.0.0.1:{proxy.port}"
    login = "Basic dXNlcjpodW50ZXIgMg=="
    with serving(Said(), tls=_context(authority) if secure else None) as said:
        endpoint = f"localhost:{said.port}"
        how: dict[str, Any] = {"ca_cert_file": str(authority.ca_file)} if secure else {"insecure": True}
        assert projects(connect(endpoint, auth={"http_proxy_url": way}, **how), aio=aio) == NAMES
        assert proxy.tunnels == ([(endpoint, login)] if secure else [])
        assert [item[1] for item in proxy.asked] == ([] if secure else [login])
        assert "proxy-authorization" not in said.asked[0]
        monkeypatch.setenv("https_proxy" if secure else "http_proxy", way)
        assert projects(connect(endpoint, **how), aio=aio) == NAMES
        assert len(proxy.tunnels) + len(proxy.asked) == 2
        monkeypatch.setenv("no_proxy", "localhost")
        assert projects(connect(endpoint, **how), aio=aio) == NAMES
        assert len(proxy.tunnels) + len(proxy.asked) == 2


def test_a_proxy_that_refuses(proxy: HttpProxy, *, aio: bool) -> None:
    proxy.refuse = 407
    way = f"http://user:hunter2@127.0.0.1:{proxy.port}"
    with pytest.raises(Unavailable) as caught:
        projects(connect("flyte.invalid:443", auth={"http_proxy_url": way}), aio=aio)
    assert f"the proxy 127.0.0.1:{proxy.port} refused to connect: 407" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_tunnel_that_does_not_come_about_leaves_nothing_open(proxy: HttpProxy, *, aio: bool) -> None:
    """The proxy answers, and nobody behind it: an outage costs no connection for each question."""
    method, request = rpc("ListProjects"), project_service_pb2.ListProjectsRequest()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        config = connect(endpoint, auth={"http_proxy_url": f"http://127.0.0.1:{proxy.port}"})

        def held() -> int:
            return len([one for one in psutil.Process().net_connections("tcp") if one.raddr[1:] == (proxy.port,)])

        async def main() -> None:
            way = AioConnect(config, threaded=asyncio.to_thread, until=asyncio.timeout)
            for _ in range(3):
                with pytest.raises(Refused):
                    await way.unary(method, request, timeout=0.3, metadata=())
            await asyncio.sleep(0.1)
            assert (held(), len(pooled(way))) == (0, 0)
            await way.aclose()

        def pooled(way: AioConnect | BlockingConnect) -> list[Any]:
            assert way._pool is not None
            return way._pool.connections

        if aio:
            asyncio.run(main())
        else:
            way = BlockingConnect(config)
            for _ in range(3):
                with pytest.raises(Refused):
                    way.unary(method, request, timeout=0.3, metadata=())
            assert (held(), len(pooled(way))) == (0, 0)
            way.close()
    assert len(proxy.tunnels) == 3


@pytest.mark.parametrize("way", ["ftp://me:hunter2@proxy.example:3128", "http://me:hunter2@proxy.example:http"])
def test_a_proxy_that_cannot_be(way: str, *, aio: bool) -> None:
    with pytest.raises(ConfigError, match=r"the proxy \w+://\*\*\*@proxy\.example:\w+ cannot be used") as caught:
        projects(connect("flyte.invalid:443", auth={"http_proxy_url": way}), aio=aio)
    assert "hunter2" not in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("socksio") is not None, reason="that package is installed here")
def test_a_socks_proxy_without_its_package(*, aio: bool) -> None:
    way = "socks5://me:hunter2@proxy.example:1080"
    with pytest.raises(ConfigError, match=r"SOCKS, which needs: pip install 'httpx\[socks\]'"):
        projects(connect("flyte.invalid:443", auth={"http_proxy_url": way}), aio=aio)


def _context(authority: Authority, *, mutual: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.server.configure_cert(context)
    if mutual:
        authority.ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
