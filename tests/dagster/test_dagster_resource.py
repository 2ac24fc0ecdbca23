"""`FlyteResource`: what Dagster configuration becomes, what it reads, when it connects, what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from bridge_core import ConfigError
from dagster_integration import FlyteResource


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

    assert dagster_integration.__all__ == sorted(dagster_integration.__all__) == dir(dagster_integration)
    for name in dagster_integration.__all__:
        assert getattr(dagster_integration, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dagster_integration.nonsense  # noqa: B018
