"""The ways in which Flyte 2's SDK is configured, read as it means them, without what it gets wrong."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

import pytest
from scripted_flyte2 import DOMAIN, PROJECT, ScriptedFlyte2, over_http

from bridge_core import Client, Config, ConfigError


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("FLYTE", "_FLYTECTL", "UCTL", "_U", "EAGER")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def key(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "endpoint", "client", "secret", "org"),
    [
        ("flyte.example.com:me:s3cret:acme", "flyte.example.com", "me", "s3cret", "acme"),
        ("flyte.example.com:8443:me:s3cret:", "flyte.example.com:8443", "me", "s3cret", None),
        ("dns:///flyte.example.com:443:me:a:b::c:acme", "flyte.example.com:443", "me", "a:b::c", "acme"),
        ("https://flyte.example.com:me:hush:None", "flyte.example.com", "me", "hush", None),
        ("[::1]:8090:me:hush:acme", "[::1]:8090", "me", "hush", "acme"),
    ],
)
def test_api_keys(text: str, endpoint: str, client: str, secret: str, org: str | None) -> None:
    config = Config.from_api_key(key(text), project="p")
    assert (config.endpoint, config.org, config.project, config.flyte_version) == (endpoint, org, "p", 2)
    assert config.auth.effective_mode == "ClientSecret"
    assert config.auth.client_id == client
    assert config.auth.client_secret.reveal() == secret
    assert secret not in repr(config)


def test_an_api_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no API key: give one, or set FLYTE_API_KEY"):
        Config.from_api_key()
    monkeypatch.setenv("FLYTE_API_KEY", key("h:1:me:s:acme"))
    assert Config.from_api_key().endpoint == "h:1"
    assert Config.from_api_key().origin("endpoint") == "environment FLYTE_API_KEY"


@pytest.mark.parametrize("wrong", ["no base64!", key("one:two"), key("h:1::s:o")])
def test_what_is_no_api_key_is_never_shown(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is no API key") as caught:
        Config.from_api_key(wrong)
    assert wrong not in str(caught.value)
    assert "two" not in str(caught.value)


def test_inside_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "_U_EP_OVERRIDE": "flyte:8090",
        "_U_INSECURE": "true",
        "_U_ORG_NAME": "acme",
        "FLYTE_INTERNAL_EXECUTION_PROJECT": "p",
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": "d",
    }.items():
        monkeypatch.setenv(name, value)
    config = Config.in_cluster()
    assert (config.endpoint, config.insecure, config.org, config.project, config.domain) == (
        "flyte:8090",
        True,
        "acme",
        "p",
        "d",
    )
    assert Config.in_cluster(project="other", insecure=False).project == "other"
    assert Config.in_cluster(insecure=False).insecure is False
    monkeypatch.setenv("_U_INSECURE", "false")
    assert Config.in_cluster().insecure is False


def test_credentials_inside_a_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("_U_EP_OVERRIDE", "flyte:8090")
    monkeypatch.setenv("EAGER_API_KEY", key("outside:443:injected:s:acme"))
    injected = Config.in_cluster()
    assert (injected.endpoint, injected.auth.client_id) == ("flyte:8090", "injected")
    monkeypatch.setenv("FLYTE_AUTH_TYPE", "ExternalCommand")
    monkeypatch.setenv("FLYTE_AUTH_COMMAND", "mint-token --audience flyte")
    by_command = Config.in_cluster()
    assert by_command.auth.effective_mode == "ExternalCommand"
    assert by_command.auth.client_id is None
    file = tmp_path / "mounted.yaml"
    file.write_text("admin:\n  endpoint: dns:///mounted:443\n  clientId: of-the-file\n")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(file))
    assert Config.in_cluster().endpoint == "mounted:443"
    assert Config.in_cluster(api_key=key("h:1:given:s:")).auth.client_id == "given"


def test_the_sdks_file_is_read_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".flyte").mkdir()
    (tmp_path / ".flyte" / "config.yaml").write_text(
        "admin:\n  endpoint: dns:///localhost:8090\n  insecure: 'false'\n  disableKeyring: true\n"
        "image:\n  builder: local\n  image_refs:\n    a: b\ntask:\n  org: acme\n  project: p\n  domain: d\n"
        "local:\n  persistence: true\n  tracked: true\n"
    )
    with caplog.at_level(logging.WARNING):
        config = Config.auto()
    assert (config.endpoint, config.insecure, config.org, config.project) == ("localhost:8090", False, "acme", "p")
    assert caplog.messages == []


def test_callers_credentials_are_passed_on(flyte: ScriptedFlyte2, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_http(flyte) as endpoint:
        config = Config.passthrough(endpoint, insecure=True, project=PROJECT, domain=DOMAIN, transport="connect")
        assert config.auth.effective_mode == "Passthrough"
        with Client(config) as client, client.auth_metadata(("authorization", "Bearer theirs")):
            assert client.projects()
    assert flyte.headers[-1]["authorization"] == "Bearer theirs"
    monkeypatch.setenv("_U_EP_OVERRIDE", "flyte:8090")
    assert Config.passthrough().endpoint == "flyte:8090"
