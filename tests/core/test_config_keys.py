"""Every key of the table, from each source, with its origin; unknown keys; what forces an auth mode; the parts as values."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from bridge_core import Config, ConfigError, RetryPolicy
from bridge_core.config import AuthConfig, S3Config, Secret
from bridge_core.config.keys import KEYS, Key
from bridge_core.config.settings import leaves


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of the machine may decide these tests."""
    for name in list(os.environ):
        if name.startswith(("FLYTE", "_FLYTECTL", "UCTL")):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


SAMPLES: dict[str, tuple[str, Any]] = {
    "text": ("some.text", "some.text"),
    "prefix": ("p_", "p_"),
    "secret": ("s3cret", "s3cret"),
    "boolean": ("true", True),
    "integer": ("7", 7),
    "version": ("2", 2),
    "seconds": ("1m30s", 90.0),
    "words": ("a, b", ("a", "b")),
    "command": ("prog,--flag,x", ("prog", "--flag", "x")),
    "level": ("debug", 10),
    "service_config": ('{"loadBalancingConfig": []}', '{"loadBalancingConfig": []}'),
}
SPECIAL = {
    "endpoint": ("h:1", "h:1"),
    "auth.mode": ("DEVICEFLOW", "DeviceFlow"),
    "auth.token_cache": ("file", "file"),
    "transport": ("connect", "connect"),
}
COMPANIONS = {"client_key_file": {"client_cert_file": "x"}, "insecure": {}}


def sample(key: Key) -> tuple[str, Any]:
    return SPECIAL.get(key.field, SAMPLES[key.parse.__name__])


def read(config: Config, field: str) -> Any:
    value: Any = config
    for name in field.split("."):
        value = getattr(value, name)
    return value


def nested(path: str, value: Any) -> str:
    out: Any = value
    for name in reversed(path.split(".")):
        out = {name: out}
    return json.dumps(out)  # JSON is YAML


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.field)
def test_each_key_from_each_of_its_sources(key: Key, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw, expected = sample(key)
    more = COMPANIONS.get(key.field, {})
    for variable in key.environment:
        with monkeypatch.context() as scene:
            scene.setenv(variable, raw)
            config = Config.auto(**more)
            assert read(config, key.field) == expected
            assert config.origin(key.field) == f"environment {variable}"
    section, option = key.ini
    ini = tmp_path / "c.ini"
    ini.write_text(f"[{section}]\n{option} = {raw}\n")
    config = Config.auto(ini, **more)
    assert read(config, key.field) == expected
    assert config.origin(key.field) == f"[{section}] {option} in {ini}"
    if key.path:
        file = tmp_path / "c.yaml"
        file.write_text(nested(key.path, raw))
        config = Config.auto(file, **more)
        assert read(config, key.field) == expected
        assert config.origin(key.field) == f"{key.path} in {file}"


def test_every_key_names_a_setting_and_no_spelling_twice() -> None:
    settings = {name for name, _ in leaves(Config())}
    for key in KEYS:
        assert key.field in settings or key.field.rpartition(".")[0] in settings, key.field
    spelled = [name for key in KEYS for name in key.environment]
    assert len(spelled) == len(set(spelled))
    assert len({key.ini for key in KEYS}) == len(KEYS)


def test_yaml_types_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "admin:\n  endpoint: dns:///h:1\n  maxRetries: 4\n  maxBackoffDelay: 8s\n  perRetryTimeout: 15s\n  insecure: false\n"
        "  scopes: [all, offline]\n  command: [prog, 'a,b', 3]\n  pkceConfig: {timeout: 2m, refreshTime: 5m}\n"
        "  maxMessageSizeBytes: 1000\n  useAuth: true\nlogger: {level: 0, show-source: true}\nstorage:\n  type: minio\n"
    )
    config = Config.auto(file)
    assert config.retry == RetryPolicy(retries=4, longest_delay=8.0)
    assert (config.attempt_timeout, config.max_message_bytes) == (15.0, 1000)
    assert config.auth.scopes == ("all", "offline")
    assert config.auth.command == ("prog", "a,b", "3")
    assert config.auth.pkce_timeout == 120.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("admin:\n  maxRetries: many\n", "admin.maxRetries .* must be a whole number, got 'many'"),
        ("admin:\n  perRetryTimeout: soon\n", "must be a duration like '15s'"),
        ("admin:\n  scopes: 3\n", "admin.scopes .* must be a list of texts"),
        ("admin:\n  command: {a: b}\n", "must be a list with a program"),
        ("admin:\n  defaultServiceConfig: '{'\n", "gRPC's service config as JSON"),
        ("admin:\n  pkceConfig: 3\n", "section 'admin.pkceConfig' must be a mapping"),
        ("admin:\n  tokenCache: cloud\n", "token_cache must be one of memory, file, keyring"),
    ],
)
def test_bad_values_are_refused_with_the_place(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=expected):
        Config.auto(file)


def test_unknown_keys_are_named_with_the_nearest_known_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    yaml, ini = tmp_path / "c.yaml", tmp_path / "c.ini"
    yaml.write_text("admin:\n  endpont: x:1\n  clientid: me\nlogger:\n  level: 1\nnonsense: 1\n")
    ini.write_text("[platform]\nurrl = x:1\n[images]\nmine = a:b\n")
    Config.auto(yaml)
    assert f"{yaml}: unknown key admin.endpont is ignored; did you mean admin.endpoint?" in caplog.messages
    assert f"{yaml}: unknown key admin.clientid is ignored; did you mean admin.clientId?" in caplog.messages
    assert f"{yaml}: unknown key nonsense is ignored" in caplog.messages
    assert len(caplog.messages) == 3
    Config.auto(ini)
    assert caplog.messages[3:] == [f"{ini}: unknown key platform.urrl is ignored; did you mean platform.url?"]


def test_precedence_holds_per_key_also_inside_a_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("admin:\n  clientId: of-file\n  audience: of-file\n  scopes: [of-file]\n")
    monkeypatch.setenv("FLYTE_CREDENTIALS_AUDIENCE", "of-environment")
    monkeypatch.setenv("FLYTE_CREDENTIALS_SCOPES", "of-environment")
    auth = Config.auto(file, auth={"scopes": ("of-argument",), "client_id": None}).auth
    assert (auth.client_id, auth.audience, auth.scopes) == ("of-file", "of-environment", ("of-argument",))
    assert Config.auto(file, auth=AuthConfig(client_id="whole")).auth == AuthConfig(client_id="whole")


@pytest.mark.parametrize("name", ["FLYTE_CREDENTIALS_CLIENT_SECRET", "FLYTE_AWS_SECRET_ACCESS_KEY"])
def test_a_contradiction_about_a_secret_does_not_print_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_CREDENTIALS_COMMAND", "say,hunter2")
    monkeypatch.setenv("FLYTE_ADMIN_COMMAND", "say,hunter3")
    with pytest.raises(ConfigError, match=r"contradicts itself about auth\.command") as caught:
        Config.auto()
    assert "hunter" not in str(caught.value)


def test_modes_and_what_forces_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Config().auth.effective_mode == "Pkce"
    for spelled, mode in (
        ("standard", "Pkce"), ("BASIC", "ClientSecret"), ("client_credentials", "ClientSecret"),
        ("external_process", "ExternalCommand"), ("deviceflow", "DeviceFlow"), ("PassThrough", "Passthrough"),
    ):  # fmt: skip
        assert Config.for_endpoint("x:1", auth={"mode": spelled}).auth.effective_mode == mode
        assert Config.for_endpoint("x:1", auth_mode=spelled).auth_mode == mode
    monkeypatch.setenv("FLYTE_CREDENTIALS_AUTH_MODE", "Pkce")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_SECRET", "by-value")
    assert Config.auto().auth.effective_mode == "Pkce"  # a value does not force
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_SECRET_LOCATION", str(tmp_path / "secret"))
    config = Config.auto()
    assert config.auth.effective_mode == "ClientSecret"
    assert config.origin("auth.mode") == "forced by environment FLYTE_CREDENTIALS_CLIENT_SECRET_LOCATION"
    assert Config.auto(auth={"mode": "DeviceFlow"}).auth.effective_mode == "DeviceFlow"
    (tmp_path / "secret").write_text(" by-file\n")
    assert config.auth.client_secret.reveal() == "by-file"


def test_for_endpoint_takes_data_and_local_settings_but_no_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("admin:\n  clientId: me\n  endpoint: other:1\nstorage:\n  connection:\n    endpoint: http://s3\n")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(file))
    monkeypatch.setenv("FLYTE_SECRETS_ENV_PREFIX", "S_")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_ID", "not-me")
    config = Config.for_endpoint("x:1")
    assert (config.endpoint, config.auth.client_id, config.s3.endpoint) == ("x:1", None, "http://s3")
    assert config.secrets.env_prefix == "S_"
    assert Config.for_endpoint("x:1", config_file=file).auth.client_id == "not-me"
    assert Config.for_sandbox().s3 == S3Config(
        endpoint="http://localhost:30002", access_key_id="minio", secret_access_key=Secret("miniostorage")
    )


def test_parts_go_through_mapping_pickle_and_replace() -> None:
    config = Config.for_endpoint(
        "x:1",
        auth={"mode": "ClientSecret", "client_id": "me", "client_secret": {"location": "/s"}, "scopes": ["a"]},
        s3={"retries": 5, "secret_access_key": Secret(env_var="KEY")},
    )
    plain = json.loads(json.dumps(config.to_mapping()))
    assert plain["auth"]["client_secret"] == {"location": "/s"}
    again = Config.from_mapping(plain)
    assert again == config
    assert hash(again) == hash(config)
    assert pickle.loads(pickle.dumps(config)) == config
    assert Config.from_mapping(Config.for_sandbox().to_mapping()) == Config.for_sandbox()
    assert Config.for_endpoint("x:1", rpc_retries=1, client_credentials_secret="s").auth.client_secret == Secret("s")
    assert Config.from_mapping({"auth.client_id": "me"}).auth.client_id == "me"
    other = config.replace(auth={"client_id": "you"}, project="p")
    assert (other.auth.client_id, other.auth.client_secret) == ("you", Secret(location="/s"))
    assert other.origin("auth.client_id") == "argument"
    with pytest.raises(ConfigError, match=r"unknown setting 'auth\.clientid'; did you mean 'client_id'"):
        Config.auto(auth={"clientid": "x"})
    with pytest.raises(ConfigError, match="auth must be a AuthConfig or a mapping, got str"):
        Config.auto(auth="Pkce")
    with pytest.raises(ConfigError, match="client_key_file is set without client_cert_file"):
        Config(client_key_file="k")


def test_the_documentation_lists_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    for key in KEYS:
        variables = ", ".join(f"`{name}`" for name in (key.variable, *key.also))
        assert f"| `{key.field}` | {variables} | {f'`{key.path}`' if key.path else '-'} |" in text
