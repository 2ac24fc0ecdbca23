"""Each way to log in, against a provider we did not write, over the wire."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.guarded import GuardedFlyte
from support.provider import DEVICE, Provider, device_page, log_in

from bridge_core import (
    BridgeError,
    Client,
    Config,
    ConfigError,
    RetryPolicy,
    RunNotFound,
    RunRef,
    Unauthenticated,
    Unavailable,
)
from bridge_core._blocking import run_blocking
from bridge_core.auth.device import DeviceFlow
from bridge_core.auth.flow import Login
from bridge_core.auth.http import Http
from bridge_core.auth.server import AuthServer

pytestmark = pytest.mark.full  # Node, for the OpenID provider

NOBODY = RunRef("flytesnacks", "development", "nobody")
Make = Callable[..., Config]


def ask(client: Client) -> None:
    """One call that gets through."""
    with pytest.raises(RunNotFound):
        client.describe(NOBODY)


def test_client_credentials_by_basic_with_scope_and_audience(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    with Client(service()) as client:
        ask(client)
        ask(client)
    assert guarded.methods() == [
        "GetExecution", "GetPublicClientConfig", "GetOAuth2Metadata", "GetExecution", "GetExecution",
    ]  # fmt: skip
    (request,) = provider.requests(at_least=1)
    assert (request["method"], request["status"]) == ("basic", 200)
    assert (request["scope"], request["audience"]) == ("all", "https://flyte.example")
    assert guarded.header not in guarded.calls[0][1]  # nothing before the server asked
    assert all(guarded.header not in metadata for method, metadata in guarded.calls if "AuthMetadata" in method)


def test_client_credentials_fall_back_to_the_form_and_remember_it(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    settings = {"token_url": f"{provider.issuer}/token?form_only=1", "audience": "mine"}
    with Client(service(**settings, use_audience_from_admin=False)) as client:
        ask(client)
        guarded.is_good = lambda token: token != guarded.tokens()[0] and provider.is_good(token)
        ask(client)
    told = [(line["method"], line["status"], line.get("audience")) for line in provider.requests(at_least=3)]
    assert [(method, status) for method, status, _ in told] == [("basic", 401), ("form", 200), ("form", 200)]
    assert {audience for _, _, audience in told[1:]} == {"mine"}


def test_a_wrong_secret_is_named_and_never_shown(service: Make, provider: Provider) -> None:
    with Client(service(secret="hunter2-wrong")) as client, pytest.raises(Unauthenticated) as caught:
        client.describe(NOBODY)
    text = str(caught.value)
    assert "refused the client credentials of 'service': invalid_client" in text
    assert "Auth mode ClientSecret (from argument)" in text
    assert "hunter2" not in text
    assert provider.grants(at_least=2) == [("client_credentials", 401)] * 2


def test_missing_settings_are_named(config: Make, guarded: GuardedFlyte) -> None:
    for auth, expected in (
        ({"mode": "ClientSecret"}, "ClientSecret needs auth.client_id"),
        ({"mode": "ClientSecret", "client_id": "x"}, "ClientSecret needs auth.client_secret"),
        ({"mode": "ExternalCommand"}, "ExternalCommand needs auth.command"),
        ({"mode": "Token"}, "Token needs auth.token"),
        ({"mode": "Pkcee"}, r"unknown auth mode 'Pkcee'.*Known here: ClientSecret"),
    ):
        with Client(config(**auth)) as client, pytest.raises(ConfigError, match=expected):
            client.describe(NOBODY)
    assert "GetOAuth2Metadata" in guarded.methods()


def test_pkce_is_refused_at_once_where_nobody_sees_a_browser(
    config: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    with Client(config()) as client, pytest.raises(Unauthenticated) as caught:
        client.describe(NOBODY)
    for mode in ("ClientSecret", "ExternalCommand", "Token", "Passthrough", "DeviceFlow"):
        assert mode in str(caught.value)
    assert "Auth mode Pkce (from default)" in str(caught.value)
    assert guarded.methods().count("GetExecution") == 1
    assert provider.requests() == []


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Makes ``webbrowser`` start a program that logs in; its last page is in the file."""

    def make(*options: str) -> Path:
        import support.provider

        page = tmp_path / "page.html"
        command = [sys.executable, str(support.provider.__file__), str(page), *options]
        monkeypatch.setenv("BROWSER", shlex.join(command) + " %s")
        monkeypatch.setattr("webbrowser._tryorder", None)  # it remembers the browsers it found first
        return page

    return make


def test_pkce_through_a_browser_then_the_refresh_token(
    config: Make, guarded: GuardedFlyte, provider: Provider, browser: Any
) -> None:
    page = browser()
    guarded.client_id = "short-flytectl"  # tokens of 3 s
    with Client(config(interactive=True)) as client:
        ask(client)
        first = guarded.tokens()
        while provider.is_good(first[0]):
            time.sleep(0.2)
        ask(client)
    assert provider.grants(at_least=2) == [("authorization_code", 200), ("refresh_token", 200)]
    assert len(guarded.tokens()) == 2
    assert "Logged in" in page.read_text()


@pytest.mark.parametrize("options", [("--hold",), ("--rude",), ("--hold", "--rude")])
def test_pkce_with_a_browser_that_holds_us_or_hangs_up(
    options: tuple[str, ...], config: Make, provider: Provider, browser: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    page = browser(*options)
    with Client(config(interactive=True, pkce_timeout=30)) as client:
        ask(client)
    assert provider.grants(at_least=1) == [("authorization_code", 200)]
    while not (page.exists() and "Logged in" in page.read_text()):
        time.sleep(0.02)
    assert "Traceback" not in capfd.readouterr().err


def test_pkce_refused_in_the_browser(config: Make, browser: Any) -> None:
    browser("--refuse")
    with Client(config(interactive=True)) as client, pytest.raises(Unauthenticated, match="refused: access_denied"):
        client.describe(NOBODY)


def test_pkce_takes_only_the_answer_to_its_own_question(
    config: Make, guarded: GuardedFlyte, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import httpx

    monkeypatch.setenv("BROWSER", "true %s")
    monkeypatch.setattr("webbrowser._tryorder", None)
    failures: list[Exception] = []

    def login() -> None:
        try:
            with Client(config(interactive=True, pkce_timeout=2)) as client:
                client.describe(NOBODY)
        except Unauthenticated as error:
            failures.append(error)

    thread = threading.Thread(target=login)
    thread.start()
    answers = []
    with httpx.Client() as intruder:
        for path in ("/favicon.ico", "/callback?code=x&state=guessed"):
            for _ in range(50):
                try:
                    answers.append(intruder.get(guarded.callback.removesuffix("/callback") + path).status_code)
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
    thread.join(20)
    assert answers == [404, 400]
    assert "nobody logged in" in str(failures[0])


def test_pkce_names_a_taken_port(config: Make, guarded: GuardedFlyte) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(guarded.callback.split(":")[2].split("/")[0])))
        taken.listen()
        with (
            Client(config(interactive=True).replace(retry=RetryPolicy(retries=0))) as client,
            pytest.raises(Unavailable, match=r"port .* cannot be listened"),
        ):
            client.describe(NOBODY)


def test_device_flow_asks_until_somebody_has_logged_in(
    config: Make, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(config(mode="DeviceFlow", device_poll_interval=0.3)) as client:
        person = threading.Thread(target=lambda: (provider.requests(at_least=1), log_in(device_page(caplog.messages))))
        person.start()
        ask(client)
        person.join()
    grants = provider.grants(at_least=2)
    assert grants[0] == (DEVICE, 400)
    assert grants[-1] == (DEVICE, 200)


class Clock:
    """Time that passes when a flow waits, and something that happens meanwhile."""

    def __init__(self, then: Callable[[int], None] = lambda _: None) -> None:
        self.seconds, self.pauses, self.then = 0.0, [], then  # type: ignore[var-annotated]

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        self.then(len(self.pauses))

    def now(self) -> float:
        return self.seconds


def device_login(provider: Provider, clock: Clock, **auth: Any) -> Login:
    config = Config.for_endpoint("127.0.0.1:1", insecure=True, auth=auth)
    server = AuthServer(
        client_id="flytectl",
        scopes=("all",),
        token_url=auth.get("token_url") or f"{provider.issuer}/token",
        device_authorization_url=f"{provider.issuer}/device/auth",
    )
    return Login(config, server, Http(config, lambda: None), clock.pause, clock.now)


def test_device_flow_is_slower_after_slow_down_for_good(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(lambda count: log_in(device_page(caplog.messages)) and None if count == 3 else None)
    login = device_login(provider, clock, token_url=f"{provider.issuer}/token?slow_down=once", device_poll_interval=2)
    assert provider.is_good(DeviceFlow().obtain(login, None).access)
    assert clock.pauses == [2, 7, 7]


def test_device_flow_ends_with_the_code(provider: Provider) -> None:
    clock = Clock()
    with pytest.raises(Unauthenticated, match="within 20 s, and the device code has expired"):
        DeviceFlow().obtain(device_login(provider, clock, device_timeout=20, device_poll_interval=6), None)
    assert clock.pauses == [6, 6, 6]


def test_external_command_runs_again_when_refused(config: Make, guarded: GuardedFlyte, tmp_path: Path) -> None:
    counter = tmp_path / "count"
    program = f'n=$(cat {counter} 2>/dev/null || echo 0); n=$((n+1)); echo $n > {counter}; echo "  token-$n "'
    guarded.is_good = lambda token: token in {"token-1", "token-2"}
    with Client(config(mode="external_process", command=("sh", "-c", program))) as client:
        ask(client)
        guarded.is_good = lambda token: token == "token-2"
        ask(client)
        guarded.is_good = lambda token: False
        with pytest.raises(Unauthenticated, match="A fresh token was refused too"):
            client.describe(NOBODY)
    assert guarded.tokens() == ["token-1", "token-2", "token-3"]


def test_external_command_with_a_time_to_live_is_not_used_beyond_it(
    config: Make, guarded: GuardedFlyte, tmp_path: Path
) -> None:
    program = f"echo x >> {tmp_path}/runs; wc -l < {tmp_path}/runs"
    guarded.is_good = lambda token: True
    with Client(config(mode="ExternalCommand", command=("sh", "-c", program), command_ttl=1)) as client:
        ask(client)
        time.sleep(1.1)
        ask(client)
    assert guarded.tokens() == ["1", "2"]


@pytest.mark.parametrize(
    ("command", "kind", "expected"),
    [
        (("sh", "-c", "echo hunter2 >&2; echo hunter2; exit 3"), Unavailable, r"\(sh\) gave no token: exit code 3"),
        (("sh", "-c", "kill -9 $$; : hunter2"), Unavailable, r"\(sh\) gave no token: it was ended by signal 9"),
        (("sh", "-c", ": hunter2"), Unavailable, r"auth\.command \(sh\) gave no token: no output"),
        (("sh", "-c", "echo hunter2; echo hunter2"), Unavailable, r"\(sh\) gave no token: it printed 2 lines"),
        (
            ("sh", "-c", "printf 'hunter2\\377'"),
            Unavailable,
            r"\(sh\) gave no token: it printed characters that are not",
        ),
        (("no-such-program", "hunter2"), ConfigError, r"cannot be started: no-such-program: No such file"),
        ((__file__, "hunter2"), ConfigError, r"cannot be started: .*test_flows\.py: Permission denied"),
        (("sh", "hunter2\0"), ConfigError, r"cannot be started: it holds a NUL character"),
    ],
)
def test_a_command_that_fails_shows_neither_arguments_nor_output(
    command: tuple[str, ...], kind: type[BridgeError], expected: str, config: Make
) -> None:
    once = config(mode="ExternalCommand", command=command).replace(retry=RetryPolicy(retries=0))
    with Client(once) as client, pytest.raises(kind, match=expected) as caught:
        client.describe(NOBODY)
    assert "hunter2" not in str(caught.value)


def test_proxy_command_goes_to_calls_and_to_the_provider(
    service: Make, guarded: GuardedFlyte, provider: Provider, tmp_path: Path
) -> None:
    token = tmp_path / "proxy-token"
    token.write_text("p1")
    guarded.proxy_token = "p1"
    with Client(service(proxy_command=("cat", str(token)))) as client:
        ask(client)
        assert all(metadata["proxy-authorization"] == "Bearer p1" for _, metadata in guarded.calls)
        token.write_text("p2")
        guarded.proxy_token = "p2"
        ask(client)
        guarded.proxy_token = "p3"
        with pytest.raises(Unavailable, match=r"refused a fresh token of auth\.proxy_command \(cat\), too"):
            client.describe(NOBODY)
    assert [line["proxy"] for line in provider.requests(at_least=1)] == ["Bearer p1"]  # the other token stayed


def test_static_token_from_a_file_that_is_rotated(
    config: Make, guarded: GuardedFlyte, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bridge_core")
    file = tmp_path / "token"
    file.write_text("hunter2-one\n")
    guarded.header = "authorization"
    guarded.is_good = lambda token: token == file.read_text().strip()
    with Client(config(token={"location": str(file)})) as client:
        ask(client)
        assert guarded.methods() == ["GetExecution"]  # sent at once
        file.write_text("hunter2-two\n")
        ask(client)
        guarded.is_good = lambda token: False
        with pytest.raises(
            Unauthenticated, match=r"Auth mode Token .*put a valid one where auth\.token points to"
        ) as caught:
            client.describe(NOBODY)
    assert "hunter2" not in str(caught.value) + caplog.text


def test_static_token_learns_the_header(config: Make, guarded: GuardedFlyte) -> None:
    guarded.is_good = lambda token: token == "it"
    with Client(config(token="it")) as client:
        ask(client)
        ask(client)
    assert guarded.methods().count("GetExecution") == 3


def test_passthrough_sends_what_the_caller_passes_and_only_that(config: Make, guarded: GuardedFlyte) -> None:
    guarded.is_good = lambda token: token == "of-the-caller"
    with Client(config(mode="Passthrough")) as client, Client(config(mode="Passthrough")) as other:
        with client.auth_metadata(("Flyte-Authorization", "Bearer of-the-caller")):
            ask(client)
            with pytest.raises(Unauthenticated):
                other.describe(NOBODY)
        with pytest.raises(Unauthenticated):
            client.describe(NOBODY)
        with pytest.raises(ConfigError, match="pairs of texts"), client.auth_metadata(("a", 1)):  # type: ignore[arg-type]
            pass
    assert set(guarded.methods()) == {"GetExecution"}


def test_passthrough_reaches_calls_that_a_verb_makes_in_parallel(config: Make, guarded: GuardedFlyte) -> None:
    guarded.is_good = lambda token: token == "of-the-caller"
    with Client(config(mode="Passthrough")) as client:

        async def look(ref: RunRef) -> str:
            try:
                await client._ops.runs.describe(ref)
            except RunNotFound:
                return "let in"
            return "found"

        with client.auth_metadata(("flyte-authorization", "Bearer of-the-caller")):
            found = run_blocking(client._transport.map_calls(look, [NOBODY] * 3, limit=3))
    assert found == ["let in"] * 3


def test_credentials_in_the_metadata_are_the_users_own_affair(config: Make, guarded: GuardedFlyte) -> None:
    guarded.is_good = lambda token: token == "mine"
    with Client(config().replace(metadata=((guarded.header, "Bearer mine"),))) as client:
        ask(client)
    with Client(config().replace(metadata=((guarded.header, "Bearer old"),))) as client, pytest.raises(Unauthenticated):
        client.describe(NOBODY)
    assert set(guarded.methods()) == {"GetExecution"}


def test_unknown_means_please_log_in_when_no_token_was_sent(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    guarded.code = grpc.StatusCode.UNKNOWN
    with Client(service()) as client:
        ask(client)
    assert provider.grants(at_least=1) == [("client_credentials", 200)]


def test_unknown_is_explained_where_there_is_a_login_and_left_alone_where_there_is_none(
    config: Make, guarded: GuardedFlyte
) -> None:
    guarded.code = grpc.StatusCode.UNKNOWN
    patient = config().replace(retry=RetryPolicy(retries=0))
    with Client(patient) as client, pytest.raises(Unauthenticated, match="auth mode Pkce opens a browser"):
        client.describe(NOBODY)
    guarded.offers_metadata = False
    with Client(patient) as client, pytest.raises(Unavailable) as caught:
        client.describe(NOBODY)
    assert caught.value.code == "UNKNOWN"
    assert all(metadata["x-request-id"] for _, metadata in guarded.calls)


def test_a_flyte_without_auth_service_says_so(service: Make, guarded: GuardedFlyte, provider: Provider) -> None:
    guarded.offers_metadata = False
    with Client(service()) as client, pytest.raises(Unauthenticated, match="offers no AuthMetadataService"):
        client.describe(NOBODY)
    guarded.header = "authorization"
    with Client(service(token_url=f"{provider.issuer}/token")) as client:
        ask(client)


def test_a_plugin(config: Make, guarded: GuardedFlyte, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "my_plugin.py").write_text(
        "class Flow:\n    def __init__(self, config): self.config = config\n"
        "    def obtain(self, login, previous):\n"
        "        if previous is not None: raise RuntimeError('hunter2')\n"
        "        return 'of-' + login.config.project\n"
    )
    meta = tmp_path / "my_plugin-1.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1\n")
    (meta / "entry_points.txt").write_text("[flyte_bridge.auth]\nHouseAuth = my_plugin:Flow\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    guarded.is_good = lambda token: token == "of-flytesnacks"
    with Client(config(mode="houseauth")) as client:
        ask(client)
        guarded.is_good = lambda token: False
        with pytest.raises(Unavailable, match="plugin 'houseauth' failed with RuntimeError") as caught:
            client.describe(NOBODY)
    assert "hunter2" not in str(caught.value)
    assert os.environ  # nothing else of the machine was touched
