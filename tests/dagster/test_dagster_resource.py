"""`FlyteResource`: what Dagster configuration becomes, what it reads, when it connects, what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import ConfigError
from dagster_integration import FlyteResource, build_flyte_assets

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_fields_win_over_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "flyte.yaml"
    file.write_text("admin:\n  endpoint: dns:///file.example:443\n  insecure: true\n")
    monkeypatch.setenv("FLYTE_PLATFORM_URL", "environment.example:443")
    assert FlyteResource(config_file=str(file)).get_config().endpoint == "environment.example:443"
    config = FlyteResource(config_file=str(file), endpoint="field.example:443", project="ml").get_config()
    assert (config.endpoint, config.insecure, config.project, config.domain) == ("field.example:443", True, "ml", None)


def test_nothing_is_found_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("admin:\n  endpoint: dns:///stray.example:443\n")
    (tmp_path / ".flyte").mkdir()
    assert FlyteResource().get_config().endpoint == "localhost:30080"


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="insecure=True means no TLS"):
        FlyteResource(insecure=True, ca_cert_file="/ca.pem").get_config()


def test_environment_variables_of_dagster_are_resolved_and_secrets_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_ENDPOINT", "flyte.example:443")
    monkeypatch.setenv("TEST_TOKEN", "Bearer s3cret")
    seen = {}

    @dg.asset
    def probe(flyte: FlyteResource) -> None:
        seen["config"], seen["shown"] = flyte.get_config(), repr(flyte) + str(flyte) + repr(flyte.get_client())

    resource = FlyteResource(endpoint=dg.EnvVar("TEST_ENDPOINT"), metadata={"authorization": dg.EnvVar("TEST_TOKEN")})
    assert dg.materialize([probe], resources={"flyte": resource}).success
    assert seen["config"].endpoint == "flyte.example:443"
    assert seen["config"].metadata == (("authorization", "Bearer s3cret"),)
    assert "s3cret" not in seen["shown"] + repr(seen["config"])
    assert "flyte.example" in seen["shown"]


def test_one_client_per_run_which_teardown_closes() -> None:
    seen = []

    @dg.asset
    def probe(flyte: FlyteResource) -> None:
        seen.append(flyte)
        assert flyte.get_client() is flyte.get_client()

    assert dg.materialize([probe], resources={"flyte": FlyteResource(endpoint="flyte.example:443")}).success
    assert seen[0]._client is None


PROBE = """
import json, sys, threading
import dagster
before = set(sys.modules)
import dagster_integration
from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets
build_flyte_assets("pkg.wf", inputs={"n": 1})
FlyteResource(endpoint="flyte.example:443")
print(json.dumps([sorted(set(sys.modules) - before), threading.active_count()]))
"""


def test_defining_assets_imports_nothing_heavy() -> None:
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    modules, threads = json.loads(run.stdout)
    heavy = (
        "grpc",
        "google.protobuf",
        "flyteidl",
        "flyteidl2",
        "flytekit",
        "flyte",
        "fsspec",
        "asyncio",
        "tenacity",
        "pandas",
    )
    assert [name for name in modules if any(name == item or name.startswith(item + ".") for item in heavy)] == []
    assert threads == 1
    ours = {name.partition(".")[0] for name in modules}
    assert ours == {"bridge_core", "dagster_integration", "dagster"}, (
        "only our own modules, and parts Dagster loads late"
    )


def test_the_facade_alone_does_not_even_import_dagster() -> None:
    code = "import sys, dagster_integration; assert 'dagster' not in sys.modules and 'bridge_core' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_exists_and_the_list_is_sorted() -> None:
    import dagster_integration

    assert dagster_integration.__all__ == sorted(dagster_integration.__all__)
    for name in dir(dagster_integration):  # test_dagster_lines.py says which may be missing
        assert getattr(dagster_integration, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dagster_integration.nonsense  # noqa: B018


def used(**fields: object) -> FlyteResource:
    """The resource as a run gets it, environment variables looked up."""
    seen: list[FlyteResource] = []

    @dg.asset
    def probe(flyte: FlyteResource) -> None:
        seen.append(flyte)

    assert dg.materialize([probe], resources={"flyte": FlyteResource(**fields)}).success  # type: ignore[arg-type]
    return seen[0]


def test_two_flytes_with_two_secrets_in_one_location(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither mixes in what the environment says about a third one."""
    monkeypatch.setenv("ONE_SECRET", "s3cret-1")
    monkeypatch.setenv("OTHER_SECRET", "s3cret-2")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_ID", "third")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_SECRET_LOCATION", "/run/third")
    for name, number in (("ONE_SECRET", 1), ("OTHER_SECRET", 2)):
        flyte = used(endpoint=f"flyte{number}.example:443", client_id=f"client-{number}", client_secret=dg.EnvVar(name))
        config = flyte.get_config()
        assert (config.auth.mode, config.auth.client_id) == ("ClientSecret", f"client-{number}")
        assert config.auth.client_secret.reveal() == f"s3cret-{number}"
        assert "s3cret" not in repr(flyte) + str(flyte) + repr(config)


def test_a_command_and_a_file_log_in_too(tmp_path: Path) -> None:
    config = used(command=["vault", "token"], scopes=["a", "b"]).get_config()
    assert (config.auth.mode, config.auth.command, config.auth.scopes) == (
        "ExternalCommand",
        ("vault", "token"),
        ("a", "b"),
    )
    (tmp_path / "secret").write_text("from a file\n")
    config = used(client_id="c", client_secret_location=str(tmp_path / "secret")).get_config()
    assert (config.auth.mode, config.auth.client_secret.reveal()) == ("ClientSecret", "from a file")
    assert used(auth_mode="DeviceFlow").get_config().auth.mode == "DeviceFlow"


@pytest.mark.parametrize(
    "fields", [{"client_secret": "s3cret"}, {"metadata": {"Authorization": "Bearer s3cret"}}], ids=["field", "metadata"]
)
def test_a_secret_that_is_written_out_is_refused_with_the_way_out(fields: dict[str, object]) -> None:
    flyte = FlyteResource(endpoint="flyte.example:443", **fields)  # type: ignore[arg-type]

    @dg.asset
    def probe(flyte: FlyteResource) -> None: ...

    for use in (flyte.get_config, lambda: dg.materialize([probe], resources={"flyte": flyte})):
        with pytest.raises(ConfigError, match=r"must not be written out.*Give dg\.EnvVar\('NAME'\)") as caught:
            use()
        assert "s3cret" not in str(caught.value)


def test_outside_of_dagster_an_environment_variable_is_looked_up_and_never_its_name_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_ENDPOINT", "flyte.example:443")
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    monkeypatch.setenv("TEST_TOKEN", "Bearer t0ken")
    flyte = FlyteResource(
        endpoint=dg.EnvVar("TEST_ENDPOINT"),
        client_secret=dg.EnvVar("TEST_SECRET"),
        metadata={"authorization": dg.EnvVar("TEST_TOKEN")},
    )
    config = flyte.get_config()
    assert config.endpoint == "flyte.example:443"
    assert config.auth.client_secret.reveal() == "s3cret"
    assert config.metadata == (("authorization", "Bearer t0ken"),)
    monkeypatch.delenv("TEST_ENDPOINT")
    with pytest.raises(
        ConfigError, match=r"endpoint is EnvVar\('TEST_ENDPOINT'\), and the environment variable TEST_ENDPOINT is"
    ):
        flyte.get_config()
    monkeypatch.setenv("TEST_ENDPOINT", "flyte.example:443")
    monkeypatch.delenv("TEST_TOKEN")
    with pytest.raises(ConfigError, match=r"metadata\['authorization'\] is EnvVar"):
        flyte.get_config()


def test_runs_link_back_to_dagster() -> None:
    assert used(dagster_url="https://dagster.example/").dagster_url == "https://dagster.example/"


@pytest.mark.parametrize(
    ("given", "mode", "secret"),
    [
        ({"token": dg.EnvVar("OUR_TOKEN")}, None, ("token", "canary-3f")),
        ({"token_location": "/run/token"}, None, ("token", "/run/token")),
        (
            {"client_id": "us", "client_assertion_location": "/run/jwt"},
            "ClientSecret",
            ("client_assertion", "/run/jwt"),
        ),
        ({"proxy_command": ["gcloud", "token"], "audience": "flyte"}, None, None),
    ],
)
def test_every_way_to_log_in_is_a_field(monkeypatch: pytest.MonkeyPatch, given: Any, mode: Any, secret: Any) -> None:
    monkeypatch.setenv("OUR_TOKEN", "canary-3f")
    resource = FlyteResource(endpoint="flyte.example.com:443", **given)
    auth = resource.get_config().auth
    if mode is not None:
        assert str(auth.mode) == mode
    if secret is not None:
        found = getattr(auth, secret[0])
        assert secret[1] in (found.value, found.location)
    else:
        assert (auth.proxy_command, auth.audience) == (("gcloud", "token"), "flyte")
    assert "canary" not in repr(resource)
    assert "canary" not in str(resource.get_config())


def test_a_token_that_is_written_out_is_refused() -> None:
    with pytest.raises(ConfigError, match="token must not be written out"):
        FlyteResource(endpoint="localhost:1", token="abc").get_config()


@pytest.mark.parametrize(
    ("allowed", "options", "message"),
    [
        (
            {"allowed_projects": ["other"]},
            None,
            "launches in other only (allowed_projects), not in flytesnacks/development",
        ),
        ({"allowed_projects": ["flytesnacks/production"]}, None, "not in flytesnacks/development"),
        ({"allowed_service_accounts": ["ml"]}, {"service_account": "root"}, "(allowed_service_accounts), not 'root'"),
        (
            {"allowed_service_accounts": ["ml"]},
            {"security_context": {"service_account": "root"}},
            "(allowed_service_accounts), not 'root'",
        ),
        ({"allowed_projects": ["flytesnacks"], "allowed_service_accounts": ["ml"]}, {"service_account": "ml"}, None),
        ({"allowed_projects": ["flytesnacks/development"], "allowed_service_accounts": []}, None, None),
    ],
)
def test_what_is_not_allowed_fails_before_flyte_is_asked(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    name: str,
    allowed: Any,
    options: Any,
    message: str | None,
) -> None:
    raw.register(name, {"n": INTEGER})
    resource = FlyteResource(
        endpoint=flyte.endpoint, insecure=True, project="flytesnacks", domain="development", **allowed
    )
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, options=options)
    flyte_sandbox.calls.clear()
    result = dg.materialize([asset], resources={"flyte": resource}, raise_on_error=False)
    assert result.success is (message is None)
    if message is not None:
        (event,) = result.get_step_failure_events()
        data = event.step_failure_data.user_failure_data
        assert data is not None
        assert message in (data.description or "")
        assert len(flyte_sandbox.calls) == 0
