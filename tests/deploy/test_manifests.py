"""Manifests and values say what they should, agree with each other, and follow the schema of Kubernetes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from support.deploy_files import DEPLOY, cron_lines, documents, manifest
from support.parts import lacking

from bridge_core import Config, Cron
from bridge_core.scheduler import read_triggers

MANIFESTS = sorted(path.relative_to(DEPLOY).as_posix() for path in (DEPLOY / "kubernetes").glob("*.yaml"))
SERVICES = [name for name in MANIFESTS if any(one["kind"] == "Deployment" for one in documents(name))]


@pytest.mark.full
@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_follow_the_schema_of_kubernetes(name: str) -> None:
    try:
        import kubernetes_validate
    except ImportError:
        lacking("kubernetes-validate (the schemas of Kubernetes)")
    for one in documents(name):
        assert kubernetes_validate.validate(one, "1.31", strict=True) == "1.31"
    broken = json.loads(json.dumps(documents(name)[0])) | {"aint": 1}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.31", strict=True)


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_manifest_names_is_there(name: str) -> None:
    deployment = manifest(name, "Deployment")
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for one in documents(name):
        selector = one.get("spec", {}).get("selector") or one.get("spec", {}).get("podSelector") or {}
        wanted = selector.get("matchLabels", selector if one["kind"] == "Service" else {})
        assert wanted.items() <= labels.items(), one["kind"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        checked = container[probe]
        assert (checked.get("httpGet") or checked.get("grpc"))["port"] in {*ports, *ports.values()}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert not any("subPath" in mount for mount in container["volumeMounts"]), "such a file never changes"
    maps = {one["metadata"]["name"] for one in documents(name) if one["kind"] == "ConfigMap"}
    assert {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume} <= maps
    security = container["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(("service", "option"), [("scheduler", "--stop-timeout"), ("connector", "--grace")])
def test_a_pod_is_given_longer_to_stop_than_its_process_takes(service: str, option: str) -> None:
    pod = manifest(f"kubernetes/{service}.yaml", "Deployment")["spec"]["template"]["spec"]
    (stop,) = [arg.partition("=")[2] for arg in pod["containers"][0]["args"] if arg.startswith(option)]
    assert float(stop) + 5 <= pod["terminationGracePeriodSeconds"]


def test_the_config_map_of_the_scheduler_is_good(tmp_path: Path) -> None:
    data = manifest("kubernetes/scheduler.yaml", "ConfigMap")["data"]
    (tmp_path / "flyte.yaml").write_text(data["flyte.yaml"])
    (entry,) = read_triggers("triggers.yaml", data["triggers.yaml"]).entries
    assert entry.trigger.describe() == ("nightly: launch_plan:pkg.report at 03:00 on Monday to Friday (Europe/Berlin)")
    config = Config.auto(tmp_path / "flyte.yaml")
    pod = manifest("kubernetes/scheduler.yaml", "Deployment")["spec"]["template"]["spec"]
    assert (config.endpoint, config.project, config.domain) == ("flyte.example.com:443", "ml", "production")
    location = Path(str(config.auth.client_secret.location))
    assert str(location.parent) in {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}


def test_no_file_of_ours_holds_a_secret() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            for line in path.read_text().splitlines():
                found = re.search(r"(?i)(password|secret|token)\s*[:=]\s*['\"]?(?!env_var|location)[\w+/]{8,}", line)
                assert not found, f"{path}: {line}"


def test_the_values_for_airflow_set_what_there_is() -> None:
    (values,) = documents("airflow/values.yaml")
    code = """
        import json, sys
        from airflow.configuration import conf
        from airflow_provider import get_provider_info
        ours = get_provider_info()["config"]["flyte"]["options"]
        for section, options in json.load(sys.stdin).items():
            for name in options:
                assert name in ours if section == "flyte" else conf.has_option(section, name), (section, name)
        print("known")
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        input=json.dumps(values["config"]),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.splitlines()[-1:] == ["known"], done.stderr[-2000:]
    assert [one["envName"] for one in values["secret"]] == ["AIRFLOW_CONN_FLYTE_DEFAULT"]
    assert values["triggerer"]["enabled"] is True
    assert values["triggerer"]["replicas"] >= 2


def test_the_variables_of_dagsters_values_are_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    (values,) = documents("dagster/values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    for one in deployment["env"]:
        monkeypatch.setenv(one["name"], one["value"])
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_SECRET", "x")
    config = Config.auto()
    assert (config.endpoint, config.auth.client_id) == ("flyte.example.com:443", "team-a-dagster")
    assert config.auth.client_secret.reveal() == "x"


@pytest.mark.parametrize(("fields", "command"), cron_lines())
def test_the_lines_of_the_crontab_are_cron(fields: str, command: str) -> None:
    assert Cron(fields)
    assert command.startswith("flyte-bridge launch ")


def container_files() -> list[Any]:
    return sorted((DEPLOY / "docker").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", container_files(), ids=lambda path: path.name)
def test_a_container_file_copies_what_there_is_and_installs_extras_that_there_are(path: Path) -> None:
    import tomllib

    root = DEPLOY.parent
    text = path.read_text()
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"\.whl\)\[([a-z0-9,]+)\]", text)
    assert named
    assert {extra for group in named for extra in group.split(",")} <= set(extras)
    for source in re.findall(r"^COPY (\S+) ", text, re.MULTILINE):
        assert source.startswith("dist/") or (root / source).exists(), source
    assert "ENTRYPOINT [" in text or "CMD [" in text or "FROM apache/airflow" in text
