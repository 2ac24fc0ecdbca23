"""Token answers cut at every byte, and answers that are none: nobody's wait ends by them, and no login is lost.

The provider is a raw server, because no real one ends connections where it is told to.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from support.cutting import CuttingServer, http
from support.flyte import INTEGER, RawFlyte
from support.guarded import GuardedFlyte

from bridge_core import (
    AsyncClient,
    Client,
    Config,
    ConfigError,
    EntityRef,
    ErrorClass,
    FixedRate,
    LaunchRequest,
    PollPolicy,
    RetryPolicy,
    RunNotFound,
    RunRef,
    Trigger,
    Unauthenticated,
    Unavailable,
    classify,
)
from bridge_core.auth.device import DeviceFlow
from bridge_core.auth.flow import Login
from bridge_core.auth.http import Http
from bridge_core.auth.oauth import ask_for_token, refreshed
from bridge_core.auth.pkce import _exchanged
from bridge_core.auth.server import AuthServer
from bridge_core.auth.token import Token
from bridge_core.cli.main import main
from bridge_core.config import Secret
from bridge_core.scheduler.entry import Entry
from bridge_core.scheduler.launcher import Outcome, launch_tick

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

JSON = "Content-Type: application/json"
NOBODY = RunRef("flytesnacks", "development", "nobody")


def granted(token: str, **more: Any) -> bytes:
    return http(json.dumps({"access_token": token, "token_type": "Bearer", **more}).encode(), JSON)


def refused(code: str, status: str = "400 Bad Request") -> bytes:
    return http(json.dumps({"error": code}).encode(), JSON, status=status)


class Provider(CuttingServer):
    """Gives tokens that are good for one call each; `instead` answers in its place first."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.instead: list[bytes] = []
        self.spent: set[str] = set()
        super().__init__(self.give)

    def give(self, request: bytes) -> bytes:
        return self.instead.pop(0) if self.instead else granted(f"token-{next(self.numbers):05}")

    def is_good(self, token: str) -> bool:
        if token in self.spent or not re.fullmatch(r"token-\d{5}", token):
            return False
        self.spent.add(token)
        return True


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def guarded(provider: Provider, flyte_sandbox: Sandbox) -> Iterator[GuardedFlyte]:
    known: Any = SimpleNamespace(is_good=provider.is_good, issuer=provider.url)
    with GuardedFlyte(flyte_sandbox.endpoint, known) as flyte:
        yield flyte


@pytest.fixture
def config(guarded: GuardedFlyte, provider: Provider) -> Config:
    """Every question asked once: what survives here survives by waiting alone."""
    auth = {"mode": "ClientSecret", "client_id": "me", "client_secret": "hunter2", "scopes": ("all",)}
    return Config.for_endpoint(
        guarded.endpoint,
        insecure=True,
        flyte_version=1,
        project="flytesnacks",
        domain="development",
        auth={**auth, "token_url": f"{provider.url}/token", "authorization_header": guarded.header},
        poll=PollPolicy(shortest=0.001, longest=0.002),
        retry=RetryPolicy(retries=0),
    )


@pytest.fixture
def held(flyte_sandbox: Sandbox) -> tuple[RunRef, Callable[[], None]]:
    """A run that waits at its gate, and what opens it."""
    raw, name = RawFlyte(flyte_sandbox.endpoint), "a" + uuid.uuid4().hex[:12]
    raw.register(name, {"n": INTEGER}, gate="approve")
    with Client(flyte_sandbox.config()) as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))
    return ref, lambda: raw.approve(name)


def until(done: Callable[[], object], waits: Callable[[], bool]) -> None:
    """Waits until something has happened, while nobody's wait ends."""
    while not done():
        assert not waits(), "a wait ended"
        time.sleep(0.01)


def test_no_blocking_wait_ends_by_a_token_answer_cut_at_any_byte(
    config: Config, provider: Provider, held: tuple[RunRef, Callable[[], None]]
) -> None:
    ref, approve = held
    cuts = range(len(granted("token-00001")))
    with Client(config) as one, Client(config) as other, ThreadPoolExecutor(2) as pool:  # a token is good for one call
        waits = [pool.submit(one.wait, ref, timeout=120), pool.submit(other.wait_many, [ref], timeout=120)]
        for cut in cuts:
            provider.after.append(cut)
        until(lambda: not provider.after, lambda: any(wait.done() for wait in waits))
        approve()
        assert waits[0].result(60).phase.is_success
        assert waits[1].result(60)[0].phase.is_success  # type: ignore[index]
    assert len(provider.requests) > len(cuts)


@pytest.mark.asyncio
async def test_no_awaited_wait_ends_by_a_token_answer_cut_at_any_byte(
    config: Config, provider: Provider, held: tuple[RunRef, Callable[[], None]]
) -> None:
    ref, approve = held
    provider.after.extend(range(len(granted("token-00001"))))
    async with AsyncClient(config) as client:
        waits = [asyncio.create_task(client.wait(ref, timeout=120)) for _ in range(30)]
        await asyncio.to_thread(until, lambda: not provider.after, lambda: any(wait.done() for wait in waits))
        await asyncio.to_thread(approve)
        assert all(snapshot.phase.is_success for snapshot in await asyncio.gather(*waits))


NO_ANSWERS = {
    "forbidden by a proxy": http(b"<html>Forbidden</html>", "Content-Type: text/html", status="403 Forbidden"),
    "forbidden by a gateway": http(b'{"error": "Forbidden"}', JSON, status="403 Forbidden"),
    "forbidden in other words": http(b'{"error": "forbidden"}', JSON, status="403 Forbidden"),
    "not found": http(b"<html>", "Content-Type: text/html", status="404 Not Found"),
    "not found, as JSON": http(b'{"error": "not_found"}', JSON, status="404 Not Found"),
    "a proxy wants a login": http(b"", status="407 Proxy Authentication Required"),
    "slow": http(b'{"error": "invalid_grant"}', JSON, status="408 Request Timeout"),
    "too many": http(b'{"error": "invalid_grant"}', JSON, status="429 Too Many Requests"),
    "starting": http(b'{"error": "invalid_client"}', JSON, status="503 Service Unavailable"),
    "broken": http(b"oops", status="500 Internal Server Error"),
    "a gateway": http(b"<html>", "Content-Type: text/html", status="502 Bad Gateway"),
    "a captive portal": http(b"<html>Welcome</html>", "Content-Type: text/html"),
    "an error as a page": http(b'{"error": "invalid_grant"}', "Content-Type: text/html", status="400 Bad Request"),
    "elsewhere": http(b"", "Location: http://127.0.0.1:9/", status="302 Found"),
    "no token": http(b'{"token_type": "Bearer"}', JSON),
    "a list": http(b"[]", JSON),
    "nothing": http(b"", JSON),
    "half": http(b'{"access_token": "tok', JSON),
    "two lines": granted("one\ntwo"),
    "not ASCII": granted("tökên"),
    "not a text": http(b'{"access_token": 12}', JSON),
    "passes": refused("temporarily_unavailable"),
    "a gateway's word": refused("Bad Request"),
}


def test_no_wait_ends_by_an_answer_that_is_none(
    config: Config, provider: Provider, held: tuple[RunRef, Callable[[], None]]
) -> None:
    ref, approve = held
    with Client(config) as client, ThreadPoolExecutor(1) as pool:
        wait = pool.submit(client.wait, ref, timeout=120)
        provider.instead.extend(NO_ANSWERS.values())
        until(lambda: not provider.instead, wait.done)
        approve()
        assert wait.result(60).phase.is_success


@pytest.mark.parametrize("kind", NO_ANSWERS)
def test_an_answer_that_is_none_is_told_as_could_not_ask(kind: str, config: Config, provider: Provider) -> None:
    provider.instead.append(NO_ANSWERS[kind])
    with Client(config) as client, pytest.raises(Unavailable) as caught:
        client.describe(NOBODY)
    assert classify(caught.value).error_class is ErrorClass.COULD_NOT_ASK
    assert "hunter2" not in str(caught.value)
    assert "one\ntwo" not in str(caught.value)


def test_a_tick_survives_what_is_no_answer_and_the_launch_is_one(
    config: Config, provider: Provider, flyte_sandbox: Sandbox
) -> None:
    raw, name = RawFlyte(flyte_sandbox.endpoint), "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"n": INTEGER})
    trigger = Trigger(name, entity=EntityRef.launch_plan(name), inputs={"n": 1}, automation=FixedRate(60))
    entry, tick = Entry(trigger=trigger), 1_767_225_600
    for answer in NO_ANSWERS.values():
        provider.instead.append(answer)
        with Client(config) as client:
            assert launch_tick(client, entry, tick, []).outcome is Outcome.RETRY
    with Client(config) as client:
        assert launch_tick(client, entry, tick, []).outcome is Outcome.LAUNCHED
    with Client(flyte_sandbox.config()) as client:
        assert len([run for run in client.list_runs() if run.entity and run.entity.name == name]) == 1


@pytest.mark.parametrize(
    ("answer", "expected"), [(NO_ANSWERS["a gateway"], 3), (refused("invalid_grant"), 5), (None, 2)]
)
def test_the_command_line_tells_the_three_apart(  # noqa: PLR0917  # fixtures
    answer: bytes | None,
    expected: int,
    config: Config,
    provider: Provider,
    guarded: GuardedFlyte,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FLYTE_PLATFORM_RPC_RETRIES", "0")
    monkeypatch.setenv("FLYTE_CREDENTIALS_AUTH_MODE", "basic" if answer else "ExternalCommand")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_ID", "me")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_SECRET", "hunter2")
    monkeypatch.setenv("FLYTE_CREDENTIALS_COMMAND", "/nowhere/program")
    provider.instead = [answer] * 2 if answer else []
    assert main(["get", str(NOBODY), "--endpoint", guarded.endpoint, "--insecure"]) == expected
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_client", "401 Unauthorized"),
        ("invalid_grant", "400 Bad Request"),
        ("access_denied", "403 Forbidden"),
        ("a_code_of_its_own", "400 Bad Request"),
    ],
)
def test_a_refusal_of_the_provider_is_final_and_told_from_one_of_flyte(
    code: str, status: str, config: Config, provider: Provider, held: tuple[RunRef, Callable[[], None]]
) -> None:
    provider.instead = [refused(code, status)] * 2  # by HTTP Basic, and in the form
    with Client(config) as client, pytest.raises(Unauthenticated, match=code) as caught:
        client.wait(held[0], timeout=60)
    assert classify(caught.value).error_class is ErrorClass.REFUSED_BY_PROVIDER
    provider.instead.clear()
    provider.spent.update(f"token-{number:05}" for number in range(100))
    with Client(config) as client, pytest.raises(Unauthenticated, match="A fresh token was refused too") as caught:
        client.describe(NOBODY)
    assert classify(caught.value).error_class is ErrorClass.REFUSED_BY_FLYTE
    held[1]()


def test_a_program_that_is_gone_ends_the_wait_and_one_that_fails_does_not(
    config: Config, guarded: GuardedFlyte, held: tuple[RunRef, Callable[[], None]], tmp_path: Any
) -> None:
    ref, approve = held
    program, spoken = tmp_path / "program", tmp_path / "spoken"
    accepted: list[str] = []

    def is_good(token: str) -> bool:
        if token == "good":
            accepted.append(token)
        return token == "good"

    guarded.is_good = is_good
    says = ("exit 1", "true", "echo one; echo two", "printf '\\377'", "kill -9 $$", "echo bad", "echo good")
    lines = "\n".join(f"{number}) {what};;" for number, what in enumerate(says))
    program.write_text(
        f"#!/bin/sh\necho >> {spoken}\ncase $(($(wc -l < {spoken}) - 1)) in\n{lines}\n*) echo good;; esac\n"
    )
    program.chmod(0o700)
    auth = {"mode": "ExternalCommand", "command": (str(program),), "authorization_header": guarded.header}
    config = config.replace(auth=auth)
    with Client(config) as client, ThreadPoolExecutor(1) as pool:
        wait = pool.submit(client.wait, ref, timeout=120)
        until(lambda: spoken.exists() and len(spoken.read_text()) >= 5, wait.done)
        with pytest.raises(Unauthenticated):  # "bad" went to Flyte, which is the one that says no
            wait.result(60)
        wait = pool.submit(client.wait, ref, timeout=120)
        until(lambda: accepted, wait.done)  # a new token that is refused at once would be Flyte's no
        program.unlink()
        guarded.is_good = lambda token: False
        with pytest.raises(ConfigError, match="program: No such file or directory"):
            wait.result(60)
    approve()


class Clock:
    """Time passes when a flow waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def pause(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


def login_at(provider: CuttingServer, **auth: Any) -> Login:
    config = Config.for_endpoint("127.0.0.1:1", insecure=True, auth=auth, retry=RetryPolicy(first_delay=0.0))
    server = AuthServer(
        client_id="flytectl", token_url=f"{provider.url}/token", device_authorization_url=f"{provider.url}/device"
    )
    clock = Clock()
    return Login(config, server, Http(config, lambda: None), clock.pause, clock.now)


def form_of(request: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}


def test_no_log_at_any_level_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ("hunter2-password", "hunter2-secret", "hunter2-refresh", "hunter2-token", "hunter2-query")
    with CuttingServer(lambda _: granted("hunter2-token", refresh_token="hunter2-new")) as server:
        login = login_at(server)
        url = server.url.replace("http://", "http://me:hunter2-password@") + "/token?key=hunter2-query"
        login = Login(login.config, AuthServer(token_url=url), login.http, login.pause, login.now)
        basic = ("me", Secret("hunter2-secret"))
        assert ask_for_token(login, {"refresh_token": Secret("hunter2-refresh")}, basic=basic, doing="a test").access
        server.after.append(50)
        with pytest.raises(Unavailable) as caught:
            ask_for_token(login, {"refresh_token": Secret("hunter2-refresh")}, basic=basic, doing="a test")
        assert b"key=hunter2-query" in server.requests[0]
    assert "HTTP Request: POST http://***@127.0.0.1" in caplog.text
    hidden = (*secrets, base64.b64encode(b"me:hunter2-secret").decode())
    assert not [secret for secret in hidden if secret in caplog.text + str(caught.value)]


def test_a_device_login_outlives_a_poll_cut_at_any_byte() -> None:
    begun = http(
        b'{"device_code": "d", "user_code": "U", "verification_uri": "http://x/", "expires_in": 600, "interval": 1}',
        JSON,
    )
    pending, token = refused("authorization_pending"), granted("token-1")
    asked: list[str] = []

    def answer(request: bytes) -> bytes:
        if b"POST /device" in request:
            asked.clear()
            return begun
        asked.append(form_of(request)["device_code"])
        return pending if len(asked) < 3 else token

    with CuttingServer(answer) as server:
        for answered, whole in ((2, pending), (4, token)):
            for cut in range(len(whole)):
                server.after.extend([1 << 60] * (answered - 1) + [cut, cut])
                login = login_at(server)
                assert DeviceFlow().obtain(login, None).access == "token-1", f"cut after {whole[:cut]!r}"
                assert len(asked) >= 3
                server.after.clear()
        for cut in range(len(begun)):  # nobody has seen a code yet: it is no login that could be lost
            server.after.append(cut)
            with pytest.raises(Unavailable):
                DeviceFlow().obtain(login_at(server), None)


def test_a_device_login_whose_last_polls_found_nobody_is_not_called_refused() -> None:
    begun = http(b'{"device_code": "d", "user_code": "U", "verification_uri": "http://x/", "expires_in": 60}', JSON)
    away = http(b"", status="503 Service Unavailable")
    with CuttingServer(lambda request: begun if b"POST /device" in request else away) as server:
        with pytest.raises(Unavailable, match=r"could not be asked until the device code expired: .* HTTP 503"):
            DeviceFlow().obtain(login_at(server), None)
        assert 3 < len(server.requests) < 12  # asked less often while nobody answers


def test_a_refresh_token_is_kept_when_the_answer_is_cut_at_any_byte() -> None:
    whole = granted("token-2", refresh_token="refresh-2")
    previous = Token("token-1", "refresh-1")
    with CuttingServer(lambda _: whole) as server:
        login = login_at(server)
        for cut in range(len(whole)):
            server.after.append(cut)
            with pytest.raises(Unavailable):  # None would mean: ask the person again
                refreshed(login, previous, "flytectl")
        assert refreshed(login, previous, "flytectl") == Token("token-2", "refresh-2")
        assert {form_of(request)["refresh_token"] for request in server.requests} == {"refresh-1"}


def test_a_login_in_the_browser_outlives_a_token_answer_cut_at_any_byte() -> None:
    whole = granted("token-1")
    with CuttingServer(lambda _: whole) as server:
        for cut in range(len(whole)):
            server.after.append(cut)
            token = _exchanged(login_at(server), {"grant_type": "authorization_code", "code": "c"})
            assert token.access == "token-1"


def test_threads_that_share_a_login_share_its_outage(config: Config, provider: Provider) -> None:
    provider.instead = [NO_ANSWERS["starting"]] * 40
    failures: list[BaseException] = []

    def one() -> None:
        try:
            client.describe(NOBODY)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    with Client(config) as client:
        threads = [threading.Thread(target=one) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        provider.instead.clear()
        with pytest.raises(RunNotFound):
            client.describe(NOBODY)
    assert len(failures) == 16
    assert all(isinstance(error, Unavailable) for error in failures)
