"""When tokens are replaced: once for everybody, before they expire, after they were revoked, across forks and processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import stat
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.flyte import INTEGER, RawFlyte
from support.guarded import GuardedFlyte
from support.http_proxy import HttpProxy
from support.provider import Provider

from bridge_core import (
    AsyncClient,
    BridgeError,
    Client,
    Config,
    EntityRef,
    LaunchRequest,
    PollPolicy,
    RetryPolicy,
    RunNotFound,
    RunRef,
    Unauthenticated,
    Unavailable,
)
from bridge_core.auth.cache import open_cache
from bridge_core.auth.flow import Login
from bridge_core.auth.http import Http
from bridge_core.auth.oauth import ask_for_token
from bridge_core.auth.server import AuthServer
from bridge_core.auth.token import Token

pytestmark = pytest.mark.full  # Node, for the OpenID provider

NOBODY = RunRef("flytesnacks", "development", "nobody")
Make = Callable[..., Config]


def ask(client: Client) -> None:
    with pytest.raises(RunNotFound):
        client.describe(NOBODY)


def threads(count: int, work: Callable[[], None]) -> list[BaseException]:
    """Runs it in so many threads that begin together; what they raised."""
    barrier, failures = threading.Barrier(count), []  # type: ignore[var-annotated]

    def one() -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    with ThreadPoolExecutor(count) as pool:
        for _ in range(count):
            pool.submit(one)
    return failures


def test_32_threads_make_one_login_and_after_a_revocation_one_more(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    with Client(service()) as client:
        assert threads(32, lambda: ask(client)) == []
        assert provider.grants(at_least=1) == [("client_credentials", 200)]
        assert guarded.methods().count("GetOAuth2Metadata") == 1
        provider.revoke(guarded.tokens()[0])
        assert threads(32, lambda: ask(client)) == []
        assert provider.grants(at_least=2) == [("client_credentials", 200)] * 2
    assert guarded.methods().count("GetExecution") <= 4 * 32  # each call at most once more
    assert len(guarded.tokens()) == 2


def test_32_threads_share_one_failure(service: Make, provider: Provider) -> None:
    with Client(service(secret="wrong")) as client:
        failures = threads(32, lambda: client.describe(NOBODY))
    assert {type(error) for error in failures} == {Unauthenticated}
    assert len(failures) == 32
    assert len(provider.grants(at_least=2)) < 32


@pytest.mark.asyncio
async def test_tasks_make_one_login_and_a_cancelled_one_harms_nobody(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    async with AsyncClient(service()) as client:

        async def one() -> None:
            with pytest.raises(RunNotFound):
                await client.describe(NOBODY)

        first = asyncio.create_task(one())
        rest = [asyncio.create_task(one()) for _ in range(20)]
        while "GetPublicClientConfig" not in guarded.methods():  # noqa: ASYNC110  # the server runs in threads
            await asyncio.sleep(0.001)
        first.cancel()
        await asyncio.gather(*rest)
        await asyncio.gather(first, return_exceptions=True)
    assert provider.grants(at_least=1)[-1] == ("client_credentials", 200)
    assert len(provider.grants()) <= 2


def test_exactly_one_refresh_and_one_resend(service: Make, guarded: GuardedFlyte, provider: Provider) -> None:
    guarded.is_good = lambda _: False
    with Client(service()) as client:
        with pytest.raises(Unauthenticated) as caught:
            client.describe(NOBODY)
        assert guarded.methods().count("GetExecution") == 2
        with pytest.raises(Unauthenticated):
            client.describe(NOBODY)
    assert guarded.methods().count("GetExecution") == 4
    assert provider.grants(at_least=2) == [("client_credentials", 200)] * 2
    error = caught.value
    assert (error.code, error.rpc, error.details) == ("UNAUTHENTICATED", "GetExecution", "token is not active")
    for told in (guarded.endpoint, "ClientSecret", "'service'", "https://flyte.example", "scope 'all'"):
        assert told in str(error)


def test_a_token_is_replaced_before_it_expires(service: Make, guarded: GuardedFlyte, provider: Provider) -> None:
    with Client(service("short-service")) as client:
        deadline = time.monotonic() + 7
        while time.monotonic() < deadline:
            ask(client)
            time.sleep(0.05)
    assert len(guarded.tokens()) >= 3
    refused = guarded.methods().count("GetExecution")
    asked = guarded.methods().count("GetPublicClientConfig")
    assert asked == 1
    assert len(provider.grants()) == len(guarded.tokens())  # each one was used, none was refused first
    assert refused > 10


def test_a_window_longer_than_the_life_of_a_token_does_not_cost_a_login_per_call(
    config: Make, guarded: GuardedFlyte, tmp_path: Path
) -> None:
    guarded.is_good = lambda _: True
    program = ("sh", "-c", f"echo >> {tmp_path}/runs; echo token$(wc -l < {tmp_path}/runs)")
    with Client(config(mode="ExternalCommand", command=program, command_ttl=600, token_refresh_window=3600)) as client:
        for _ in range(5):
            ask(client)
    assert guarded.tokens() == ["token1"]


@pytest.mark.parametrize("told", [0, -1])
def test_a_provider_that_does_not_know_the_life_of_a_token_costs_no_login_per_call(told: int) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = json.dumps({"access_token": "t", "expires_in": told}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        config = Config.for_endpoint("127.0.0.1:1", insecure=True)
        known = AuthServer(token_url=f"http://127.0.0.1:{server.server_port}/token")
        login = Login(config, known, Http(config, lambda: None), time.sleep, time.monotonic)
        assert ask_for_token(login, {"grant_type": "client_credentials"}, doing="a test").expires_at is None


def test_an_unreachable_provider_is_not_the_end_of_a_token_that_still_works(
    service: Make, guarded: GuardedFlyte, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bridge_core.auth")
    with HttpProxy() as proxy:
        config = service("short-service", token_refresh_window=10_000, http_proxy_url=f"http://127.0.0.1:{proxy.port}")
        with Client(config) as client:
            ask(client)
            proxy.away = True
            while "could not be replaced before it expires" not in caplog.text:
                ask(client)
            ask(client)
    assert len(guarded.tokens()) == 1


def test_an_unreachable_provider_is_unavailable_not_unauthenticated(service: Make, guarded: GuardedFlyte) -> None:
    config = service(token_url="http://127.0.0.1:9/token").replace(retry=RetryPolicy(retries=0))
    with (
        Client(config) as client,
        pytest.raises(Unavailable, match=r"cannot reach the identity provider at 127\.0\.0\.1:9"),
    ):
        client.describe(NOBODY)


@pytest.fixture
def held(flyte_sandbox: Any, request: pytest.FixtureRequest) -> tuple[RawFlyte, RunRef]:
    """A run that waits at its gate."""
    import uuid

    raw, name = RawFlyte(flyte_sandbox.endpoint), "a" + uuid.uuid4().hex[:12]
    raw.register(name, {"n": INTEGER}, gate="approve")
    with Client(flyte_sandbox.config()) as client:
        return raw, client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))


def polls(guarded: GuardedFlyte, count: int) -> None:
    """Waits until the waiting client has asked so often more, with a token."""

    def asked() -> int:
        return sum(guarded.header in metadata for _, metadata in list(guarded.calls))

    already = asked()
    while asked() < already + count:
        time.sleep(0.02)


def fast(config: Config) -> Config:
    return config.replace(poll=PollPolicy(shortest=0.05, longest=0.1))


def test_a_token_revoked_in_the_middle_of_a_wait_is_replaced(
    service: Make, guarded: GuardedFlyte, provider: Provider, held: tuple[RawFlyte, RunRef]
) -> None:
    raw, ref = held
    with Client(fast(service())) as client, ThreadPoolExecutor(2) as pool:
        alone, many = pool.submit(client.wait, ref, timeout=60), pool.submit(client.wait_many, [ref], timeout=60)
        polls(guarded, 4)
        for _ in range(2):
            provider.revoke(guarded.tokens()[-1])
            polls(guarded, 8)
        raw.approve(ref.name)
        assert alone.result(60).phase.is_success
        assert many.result(60)[0].phase.is_success
    assert len(guarded.tokens()) == 3
    assert provider.grants(at_least=3) == [("client_credentials", 200)] * 3


@pytest.mark.asyncio
async def test_the_shared_poll_survives_a_revoked_token_while_the_provider_is_away(
    service: Make, guarded: GuardedFlyte, provider: Provider, held: tuple[RawFlyte, RunRef]
) -> None:
    raw, ref = held
    with HttpProxy() as way:
        config = fast(service(http_proxy_url=f"http://127.0.0.1:{way.port}")).replace(retry=RetryPolicy(retries=0))
        async with AsyncClient(config) as client:
            waits = [asyncio.create_task(client.wait(ref, timeout=60)) for _ in range(5)]
            await asyncio.to_thread(polls, guarded, 4)
            way.away = True
            await asyncio.to_thread(provider.revoke, guarded.tokens()[-1])
            await asyncio.to_thread(polls, guarded, 6)  # refused each time, and nobody to get another token from
            await asyncio.to_thread(raw.approve, ref.name)
            assert not any(wait.done() for wait in waits)
            way.away = False
            assert all(snapshot.phase.is_success for snapshot in await asyncio.gather(*waits))
    assert len(guarded.tokens()) == 2
    assert provider.grants(at_least=2) == [("client_credentials", 200)] * 2


def test_a_forked_child_uses_the_token_and_gets_its_own_next_one(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    with Client(service()) as client:
        ask(client)
        stop, started = threading.Event(), threading.Event()
        slot = client._ops.backend._calls._tokens._slot  # type: ignore[attr-defined]

        def hold(pause: Callable[[float], None]) -> Token:
            started.set()
            stop.wait(30)
            return slot.token

        async def nothing() -> None:
            pass

        from bridge_core._blocking import run_blocking

        transport = client._transport
        thread = threading.Thread(target=lambda: run_blocking(slot.replace(transport, slot.token, nothing, hold)))
        thread.start()
        started.wait(10)  # the child is born in the middle of a replacement that will never end there
        provider.revoke(guarded.tokens()[0])
        pid = os.fork()
        if pid == 0:
            try:
                ask(client)
                os._exit(0)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        stop.set()
        thread.join(10)
    assert provider.grants(at_least=2) == [("client_credentials", 200)] * 2


def test_a_child_does_not_spend_the_parents_refresh_token() -> None:
    from bridge_core.auth.tokens import Tokens

    tokens = Tokens(Config())
    tokens._slot.put(Token("access", "refresh"))
    pid = os.fork()
    if pid == 0:
        token = tokens._slot.token
        os._exit(0 if token is not None and (token.access, token.refresh) == ("access", None) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert tokens._slot.token is not None
    assert tokens._slot.token.refresh == "refresh"


def test_the_file_cache_spares_the_next_client_the_login(
    service: Make, guarded: GuardedFlyte, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = service(token_cache="file", token_cache_dir=str(tmp_path / "tokens"))
    with Client(config) as client:
        ask(client)
    (file,) = (tmp_path / "tokens").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o700
    guarded.calls.clear()
    with Client(config) as client:
        ask(client)
    assert guarded.methods() == ["GetExecution"]  # under the right header at once
    bad = service(secret="other", token_cache="file", token_cache_dir=str(tmp_path / "tokens"))
    with Client(bad) as client, pytest.raises(Unauthenticated):  # a good and a bad credential never share a token
        client.describe(NOBODY)
    provider.revoke(guarded.tokens()[0])
    with Client(config) as one, Client(config) as other:
        ask(one)
        ask(other)
    assert [status for _, status in provider.grants(at_least=4)].count(200) == 2
    file.chmod(0o644)
    with Client(config) as client:
        ask(client)
    assert "can be read by others and is not used" in caplog.text


@pytest.mark.parametrize("broken", ["unreadable", "folder is a file", "nonsense"])
def test_a_broken_file_cache_is_no_reason_to_fail(broken: str, service: Make, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    config = service(token_cache="file", token_cache_dir=str(folder))
    if broken == "folder is a file":
        folder.write_text("")
    else:
        cache = open_cache(config)
        cache.store(Token("x"))
        (file,) = folder.glob("*.json")
        file.write_text("{" if broken == "nonsense" else json.dumps([1]))
    with Client(config) as client:
        ask(client)


def test_the_keyring_is_used_when_it_works_and_missed_when_it_does_not(
    service: Make,
    guarded: GuardedFlyte,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class Ring(KeyringBackend):
        priority = 1  # type: ignore[assignment]
        entries: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.entries.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.entries[service, username] = password

    before = keyring.get_keyring()
    try:
        keyring.set_keyring(Ring())
        config = service(token_cache="keyring")
        for _ in range(2):
            with Client(config) as client:
                ask(client)
        assert len(Ring.entries) == len(guarded.tokens()) == 1
        from keyring.backends.fail import Keyring

        keyring.set_keyring(Keyring())
        with Client(config) as client:
            ask(client)
    finally:
        keyring.set_keyring(before)
    assert "the keyring cannot be read (NoKeyringError)" in caplog.text


def test_no_secret_shows_in_what_goes_wrong(
    service: Make, guarded: GuardedFlyte, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bridge_core")
    marker = "hunter2-MARKER"
    ways = [
        service(secret=marker),
        service(secret=marker, token_url="http://127.0.0.1:9/token"),
        service(secret=marker, token_url=f"{provider.issuer}/nowhere"),
        service(secret=marker, http_proxy_url=f"http://user:{marker}@127.0.0.1:9"),
    ]
    for config in ways:
        with Client(config.replace(retry=RetryPolicy(retries=0))) as client, pytest.raises(BridgeError) as caught:
            client.describe(NOBODY)
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
        ours = [str(frame.locals) for frame in frames if "bridge_core" in frame.filename]
        assert len(ours) > 4
        assert marker not in str(caught.value) + "".join(ours)
        assert marker.encode() not in pickle.dumps(caught.value)
    guarded.is_good = lambda _: False
    with Client(service()) as client, pytest.raises(Unauthenticated) as caught:
        client.describe(NOBODY)
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = str(caught.value) + "".join(str(frame.locals) for frame in trace.stack if "bridge_core" in frame.filename)
    assert len(guarded.tokens()) == 1
    assert guarded.tokens()[0] not in shown + caplog.text
    assert marker not in caplog.text
