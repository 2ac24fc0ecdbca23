"""A Config as plain data: copies show no secret given by value, pickles hold none, numbers are numbers, hosts may be IPv6."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from bridge_core import Client, Config, ConfigError, PollPolicy, RetryPolicy, Unsupported
from bridge_core.cli.main import main
from bridge_core.config import Secret
from bridge_core.config.endpoint import host_and_port
from bridge_core.model.masking import host_of, shown, url_shown

MARKER = "hunter2-MARKER"


def secretive() -> dict[str, Config]:
    """One configuration for each place that may hold a secret by value."""
    auth: dict[str, dict[str, Any]] = {
        "client_secret": {"client_secret": MARKER},
        "assertion": {"client_assertion": MARKER},
        "token": {"token": MARKER},
        "command": {"command": ("program", MARKER)},
        "proxy_command": {"proxy_command": ("program", "-x", MARKER)},
        "proxy": {"http_proxy_url": f"http://me:{MARKER}@proxy:3128"},
        "token_url": {"token_url": f"https://me:{MARKER}@idp/token"},
    }
    configs = {name: Config.for_endpoint("h:1", auth=given, search_cwd=False) for name, given in auth.items()}
    more: dict[str, dict[str, Any]] = {
        "metadata": {"metadata": (("authorization", f"Bearer {MARKER}"),)},
        "binary metadata": {"metadata": (("token-bin", MARKER.encode()),)},
        "console": {"console_endpoint": f"https://me:{MARKER}@console/x"},
        "s3 key": {"s3": {"secret_access_key": MARKER}},
        "s3": {"s3": {"endpoint": f"https://me:{MARKER}@minio"}},
        "gcs": {"gcs": {"endpoint": f"https://me:{MARKER}@gcs"}},
        "azure": {"azure": {"storage_account_key": MARKER}},
        "upload": {"data_upload_location": f"s3://me:{MARKER}@bucket/x"},
    }
    return configs | {name: Config.for_endpoint("h:1", search_cwd=False, **given) for name, given in more.items()}


@pytest.mark.parametrize("name", secretive())
def test_copies_as_plain_data_show_no_secret_and_pickles_are_refused(name: str) -> None:
    config = secretive()[name]
    plain = dataclasses.asdict(config)
    texts = [repr(plain), str(plain), json.dumps(plain, default=str), repr(dataclasses.astuple(config)), repr(config)]
    texts += [repr(getattr(config, field.name)) for field in dataclasses.fields(config)]
    texts += [f"{part!r}" for part in (config.auth, config.s3, config.gcs, config.azure)]
    assert MARKER not in "".join(texts)
    with pytest.raises(TypeError):
        vars(config)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(
            ConfigError, match=r"never pickled. Give it by reference, .* or send Config\.to_mapping\(\)"
        ):
            pickle.dumps(config, protocol)
    for same in (
        copy.deepcopy(config),
        copy.copy(config),
        dataclasses.replace(config),
        copy.deepcopy({"a": config})["a"],
    ):
        assert same == config
        assert hash(same) == hash(config)


def test_a_copy_still_works(tmp_path: Path) -> None:
    config = copy.deepcopy(secretive()["metadata"])
    assert config.metadata[0][1] == f"Bearer {MARKER}"
    assert copy.deepcopy(secretive()["token"]).auth.token.reveal() == MARKER
    assert type(secretive()["token"].auth.token.reveal()) is str
    assert "".join(secretive()["command"].auth.command) == f"program{MARKER}"


def test_references_and_published_secrets_pickle(tmp_path: Path) -> None:
    config = Config.for_sandbox(auth={"client_secret": {"location": "/x"}, "token": Secret(env_var="T")})
    assert pickle.loads(pickle.dumps(config)) == config
    assert dataclasses.asdict(config)["auth"]["token"]["env_var"] == "T"


@pytest.mark.parametrize("name", ["proxy", "token_url", "console", "s3", "gcs", "upload"])
def test_a_password_in_a_url_is_masked_in_what_is_shown_and_never_exported(name: str) -> None:
    config = secretive()[name]
    assert ("***@" in repr(config)) is (name != "proxy")  # which is never shown at all
    assert MARKER not in config.console_base
    with pytest.raises(
        ConfigError, match="holds a user and a password, and secrets are exported by reference only"
    ) as caught:
        config.to_mapping()
    assert MARKER not in str(caught.value)


def test_config_show_masks_passwords(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", f"https://me:{MARKER}@minio/x?sig={MARKER}")
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN_URL", f"https://me:{MARKER}@idp/token")
    for output in ("table", "json"):
        assert main(["config", "show", "--all", "--output", output]) == 0
        told = capsys.readouterr().out
        assert MARKER not in told
        assert "https://***@idp/token" in told
        assert "https://***@minio/x?…" in told


@pytest.mark.parametrize(
    "endpoint",
    [f"me:{MARKER}@host:443", f"https://me:{MARKER}@host", f"http://me:{MARKER}@host", f"https://{MARKER}@h"],
)
def test_a_password_in_the_endpoint_is_refused_and_not_shown(endpoint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.for_endpoint(endpoint)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h/p?X-Sig=s#f", "https://h/p?…"),
        ("http://u:p@h:1/p", "http://***@h:1/p"),
        ("http://u:p/with/slash@h:1/p", "http://***@h:1/p"),
        ("http://u@h", "http://***@h"),
        ("s3://bucket/@scope/x", "s3://bucket/@scope/x"),
        ("http://[::1]:80/@x", "http://[::1]:80/@x"),
        ("me:p@h:443", "***@h:443"),
    ],
)
def test_urls_without_secrets(text: str, expected: str) -> None:
    assert url_shown(text) == expected
    if "://" in text:
        assert shown(f"asked '{text}' and\n lost") == f"asked '{expected}' and lost"


def test_hosts_of_urls() -> None:
    assert host_of("https://u:p@[::1]:8/x") == "[::1]:8"
    assert host_of("https://h/x") == "h"
    assert host_of("https://h:port/x") == "an unreadable address"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1.0, True, "5"])
@pytest.mark.parametrize(
    "setting",
    ["rpc_timeout", "attempt_timeout", "auth.token_refresh_window", "auth.pkce_timeout", "auth.device_timeout",
     "auth.device_poll_interval", "auth.command_ttl", "s3.backoff"],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{setting.replace('.', '[.]')} must be .* seconds"):
        Config.from_mapping({setting: value})


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_policies_are_finite(value: float) -> None:
    for make in (
        lambda: RetryPolicy(first_delay=value),
        lambda: RetryPolicy(longest_delay=value),
        lambda: PollPolicy(longest=value),
        lambda: PollPolicy(share=value),
        lambda: PollPolicy.every(value),
    ):
        with pytest.raises(ConfigError):
            make()


@pytest.mark.parametrize("text", ["inf", "nan", "-inf", "Infinity", "1e999"])
def test_a_duration_in_the_environment_is_finite(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_PLATFORM_PER_RETRY_TIMEOUT", text)
    with pytest.raises(ConfigError, match="FLYTE_PLATFORM_PER_RETRY_TIMEOUT must be a duration"):
        Config.auto(search_cwd=False)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "7"])
@pytest.mark.parametrize("setting", ["batch_size", "max_message_bytes"])
def test_a_count_is_a_whole_number(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{setting} must be a positive whole number"):
        Config.from_mapping({setting: value})


@pytest.mark.parametrize(
    ("endpoint", "clean", "split"),
    [
        ("[::1]:30080", "[::1]:30080", ("::1", 30080)),
        ("dns:///[2001:db8::1]:443", "[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("https://[::1]/", "[::1]", ("::1", 443)),
        ("host", "host", ("host", 443)),
        ("host:1", "host:1", ("host", 1)),
        (":30080", ":30080", ("localhost", 30080)),
    ],
)
def test_endpoints_split_one_way(endpoint: str, clean: str, split: tuple[str, int]) -> None:
    config = Config.for_endpoint(endpoint)
    assert config.endpoint == clean
    assert host_and_port(config.endpoint) == split


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("::1", "stands in brackets"),
        ("::1:443", "stands in brackets"),
        ("fe80::1", "stands in brackets"),
        ("[host]:443", "no IPv6 address"),
        ("[::1]:x", "port 'x'"),
        ("[::1", "cannot be read|stands in brackets"),
        ("host:", "port ''"),
        ("host:65536", "port '65536'"),
    ],
)
def test_endpoints_that_cannot_be_read(endpoint: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Config.for_endpoint(endpoint)


def test_an_organisation_is_refused_by_name_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.for_endpoint("127.0.0.1:1", insecure=True, project="p", domain="d", org="acme", flyte_version=1)
    with pytest.raises(Unsupported, match=r"org 'acme' \(from argument\): Flyte 1 has no"):
        Client(config)
    monkeypatch.setenv("FLYTE_LOCAL_ORG", "acme")
    monkeypatch.setenv("FLYTE_PLATFORM_FLYTE_VERSION", "1")
    assert main(["config", "show"]) == 0
    assert main(["config", "check", "--endpoint", "127.0.0.1:1", "--insecure"]) == 2
    assert "NO  configuration  org 'acme' (from environment FLYTE_LOCAL_ORG): Flyte 1 has no" in capsys.readouterr().out


def test_where_files_go_is_a_setting_like_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("admin:\n  dataUploadLocation: s3://from-file/\n")
    assert Config.auto(file).data_upload_location == "s3://from-file/"
    monkeypatch.setenv("FLYTE_PERSISTENCE_DATA_UPLOAD_LOCATION", "s3://from-environment/")
    assert Config.auto(file).data_upload_location == "s3://from-environment/"
    assert Config.for_endpoint("h:1").data_upload_location == "s3://from-environment/"
    assert Config.for_endpoint("h:1", data_upload_location="s3://mine/").data_upload_location == "s3://mine/"
    assert main(["config", "show", "--config", str(file), "--data-upload-location", "s3://from-option/"]) == 0
    assert "s3://from-option/" in capsys.readouterr().out
