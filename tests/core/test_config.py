"""Where settings come from, which wins, and what is refused with file and line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from bridge_core import Config, ConfigError, PollPolicy, RetryPolicy


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of the machine may decide these tests."""
    import os

    for name in list(os.environ):
        if name.startswith(("FLYTE", "_FLYTECTL", "UCTL")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_defaults() -> None:
    config = Config.auto()
    assert (config.endpoint, config.insecure, config.project, config.domain) == ("localhost:30080", False, None, None)
    assert config.console_base == "https://localhost:30080"


def test_precedence_argument_environment_file_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.yaml",
        "admin:\n  endpoint: dns:///file:1\n  insecure: true\ntask:\n  project: from-file\n  domain: d\nconsole:\n  endpoint: http://c/\n",
    )
    assert Config.auto(file).endpoint == "file:1"
    monkeypatch.setenv("FLYTE_PLATFORM_URL", "env:2")
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "false")
    config = Config.auto(file)
    assert (config.endpoint, config.insecure, config.project) == ("env:2", False, "from-file")
    assert config.console_base == "http://c"
    assert Config.auto(file, endpoint="arg:3", project=None).endpoint == "arg:3"
    assert Config.for_endpoint("arg:4").endpoint == "arg:4"
    assert Config.for_endpoint("arg:4", config_file=file, insecure=True).project == "from-file"


def test_environment_is_honoured_without_a_file_and_contradictions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_ADMIN_ENDPOINT", "a:1")
    assert Config.auto().endpoint == "a:1"
    monkeypatch.setenv("FLYTE_PLATFORM_URL", "a:1")
    assert Config.auto().endpoint == "a:1"
    monkeypatch.setenv("FLYTE_PLATFORM_URL", "b:1")
    with pytest.raises(ConfigError, match=r"FLYTE_PLATFORM_URL='b:1' but FLYTE_ADMIN_ENDPOINT='a:1'"):
        Config.auto()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".flyte/config.yaml", "admin:\n  endpoint: here:1\n"),
        ("config.yaml", "admin:\n  endpoint: here:1\n"),
        ("flytekit.config", "[platform]\nurl = here:1\n"),
    ],
)
def test_files_of_the_working_directory_are_found_unless_told_otherwise(name: str, text: str) -> None:
    write(Path(name), text)
    assert Config.auto().endpoint == "here:1"
    assert Config.auto(search_cwd=False).endpoint == "localhost:30080"


def test_discovery_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def yaml(host: str) -> str:
        return f"admin:\n  endpoint: {host}:1\n"

    write(Path.home() / ".flyte/config.yaml", yaml("home"))
    assert Config.auto().endpoint == "home:1"
    write(Path.home() / ".union/config.yaml", yaml("union"))
    assert Config.auto().endpoint == "union:1"
    write(Path("config.yaml"), "unrelated: true\n")
    assert Config.auto().endpoint == "union:1"
    (Path.cwd().parent / ".git").mkdir()
    write(Path.cwd().parent / ".flyte/config.yaml", yaml("git-root"))
    assert Config.auto().endpoint == "git-root:1"
    monkeypatch.setenv("FLYTECTL_CONFIG", str(write(tmp_path / "f.yaml", yaml("flytectl"))))
    assert Config.auto().endpoint == "flytectl:1"
    monkeypatch.setenv("_FLYTECTL_CONFIG_PYFLYTE_OVERRIDE", str(tmp_path / "missing.yaml"))
    assert Config.auto().endpoint == "flytectl:1"
    assert "missing.yaml" in caplog.text
    with pytest.raises(ConfigError, match=r"nowhere\.yaml does not exist"):
        Config.auto("nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("admin: [unclosed\n", r"malformed YAML in .*c\.yaml, line 2"),
        ("a: 1\n b: 2\n", r"malformed YAML in .*c\.yaml, line 2"),
        ("[platform]\nurl = x\n", "holds INI text"),
        ("- a\n- b\n", "must hold a mapping"),
        ("admin: text\n", "section 'admin' must be a mapping"),
        ("admin:\n  insecure: maybe\n", r"admin\.insecure in .*c\.yaml must be true or false, got 'maybe'"),
        ("admin:\n  endpoint: 5\n", r"admin\.endpoint in .*c\.yaml must be a text"),
        ("admin:\n  endpoint: 'no host here'\n", "cannot be read; wanted 'host:port'"),
    ],
)
def test_bad_files_are_refused_with_the_place(text: str, expected: str, tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", text)
    with pytest.raises(ConfigError, match=expected):
        Config.auto(file)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.auto(file)


@pytest.mark.parametrize("endpoint", ["", "http://x:1", "x:0", "x:99999", "x:abc", "a b:1", "x/y:1", None])
def test_bad_endpoints_are_refused(endpoint: object) -> None:
    with pytest.raises(ConfigError, match="endpoint"):
        Config.for_endpoint(endpoint)  # type: ignore[arg-type]


def test_contradictory_tls_settings_and_unknown_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="insecure=True means no TLS"):
        Config.for_endpoint("x:1", insecure=True, ca_cert_file="ca.pem")
    with pytest.raises(ConfigError, match="unknown setting 'endpont'; did you mean 'endpoint'"):
        Config.from_mapping({"endpont": "x:1"})


def test_mapping_both_ways_is_json_and_never_holds_metadata() -> None:
    config = Config.for_endpoint(
        "x:1",
        insecure=True,
        project="p",
        retry=RetryPolicy(retries=1),
        poll=PollPolicy(shortest=2, runs_per_second=0),
        grpc_options=(("a", 1),),
    )
    assert Config.from_mapping(json.loads(json.dumps(config.to_mapping()))) == config
    assert Config().to_mapping() == {}
    secret = config.replace(metadata=(("authorization", "Bearer hunter2"),))
    assert "hunter2" not in repr(secret)
    with pytest.raises(ConfigError, match="never exported"):
        secret.to_mapping()


def test_a_config_is_a_value() -> None:
    one, other = Config.for_sandbox(), Config.for_sandbox()
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    assert (one.project, one.domain, one.insecure) == ("flytesnacks", "development", True)
