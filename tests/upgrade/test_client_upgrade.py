"""What one release launched, the other one finds: names, fingerprints, provenance. And data of the embedded Flyte."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import INTEGER, STRING, STRUCT, RawFlyte
from support.ports import free_ports
from support.releases import Release
from support.schedules import DATETIME, executions

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.upgrade

LAUNCH = """
import datetime as dt, json, sys
from bridge_core import Client, Config, EntityRef, LaunchRequest, Provenance, RunOptions, run_name
endpoint, name = sys.argv[1:]
config = Config.for_endpoint(endpoint, insecure=True, project="flytesnacks", domain="development")
inputs = {
    "n": 7, "s": "text", "at": dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC),
    "d": {"layers": 3, "lr": 0.1, "names": ["a", "b"], "deep": {"x": None, "y": True}},
}
request = LaunchRequest(
    EntityRef.launch_plan(name), inputs=inputs, name=run_name("upgrade", name),
    options=RunOptions(labels={"team": "a"}), provenance=Provenance(source="client", job="upgrade", tick="2026-11-20"),
)
with Client(config) as flyte:
    launched = flyte.launch_or_attach(request)
    found = flyte.describe(launched.ref)
    print(json.dumps({"ref": str(launched.ref), "created": launched.created, "origin": found.provenance.origin}))
"""

NAMES = """
import json
from datetime import UTC, datetime
from bridge_core import Cron, Provenance, RunRef, Trigger, TriggerTime, run_name
tick = datetime(2026, 11, 20, 3, tzinfo=UTC)
trigger = Trigger("nightly", entity="launch_plan:pkg.wf", automation=Cron("0 3 * * *"), inputs={"at": TriggerTime})
by = Provenance(source="airflow", installation="prod", job="etl", run="manual__1", task="train", part="3", awaited=True)
from bridge_core.scheduler import Entry
print(json.dumps({
    "plain": [run_name("a"), run_name("etl_", "load"), run_name("x", 1, None, prefix="d"), run_name("ü", "")],
    "trigger": trigger.run_name(tick), "labels": by.labels(), "annotations": by.annotations(),
    "fingerprint": Entry(trigger=trigger).fingerprint, "to_dict": trigger.to_dict(),
    "ref": RunRef("p", "d", "n").to_dict(),
}))
"""


def test_a_launch_of_one_is_attached_to_by_the_other(
    order: tuple[Release, Release], flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING, "at": DATETIME, "d": STRUCT}, activate=True)
    told = [
        json.loads(release.python(LAUNCH, flyte_sandbox.endpoint, name, cwd=tmp_path).splitlines()[-1])
        for release in (*order, *order)
    ]
    assert [one["created"] for one in told] == [True, False, False, False]
    assert len({(one["ref"], one["origin"]) for one in told}) == 1
    assert len(executions(raw, name)) == 1


LAUNCH2 = """
import json, sys
from bridge_core import Client, Config, EntityRef, LaunchRequest, Provenance, run_name
endpoint, name = sys.argv[1:]
config = Config(endpoint=endpoint, insecure=True, project="flytesnacks", domain="development", flyte_version=2)
request = LaunchRequest(
    EntityRef.task(name), inputs={"n": 7}, name=run_name("upgrade", name),
    provenance=Provenance(source="client", job="upgrade", tick="2026-11-20"),
)
with Client(config) as flyte:
    launched = flyte.launch_or_attach(request)
    found = flyte.wait(launched.ref)
    outputs = dict(flyte.outputs(launched.ref))
    origin = found.provenance.origin if found.provenance else None
    print(json.dumps({"ref": str(launched.ref), "created": launched.created, "origin": origin, "outputs": outputs}))
"""


def test_a_launch_on_flyte_2_is_attached_to_by_the_other(
    recent_order: tuple[Release, Release], flyte_sandbox: Sandbox, name: str, tmp_path: Path
) -> None:
    flyte_sandbox.stub(name, inputs={"n": int}, outputs={"o0": 7})
    endpoint = flyte_sandbox.config(flyte_version=2).endpoint
    told = [
        json.loads(release.python(LAUNCH2, str(endpoint), name, cwd=tmp_path).splitlines()[-1])
        for release in (*recent_order, *recent_order)
    ]
    assert [one.pop("created") for one in told] == [True, False, False, False]
    assert [one["outputs"] for one in told] == [{"o0": 7}] * 4
    assert told == [told[0]] * 4
    assert told[0]["origin"]


def test_names_that_are_stored_for_ever_are_the_same(releases: tuple[Release, Release], tmp_path: Path) -> None:
    before, after = (json.loads(release.python(NAMES, cwd=tmp_path).splitlines()[-1]) for release in releases)
    assert after == before


DEPLOY = """
import json, sys
from bridge_core import Client, Config, Cron, Trigger, TriggerTime
endpoint, name, cron = sys.argv[1:]
config = Config.for_endpoint(endpoint, insecure=True, project="flytesnacks", domain="development")
inputs = {"at": TriggerTime, "n": 7}
trigger = Trigger("nightly_" + name, entity="launch_plan:" + name, automation=Cron(cron), inputs=inputs)
with Client(config) as flyte:
    flyte.deploy_trigger(trigger)
    print(json.dumps([[one.name, one.ref.version, one.active] for one in flyte.list_triggers() if name in one.name]))
"""


def test_a_trigger_that_both_deploy_has_one_schedule(
    order: tuple[Release, Release], flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    """And at most one version more, as docs/versions.md says."""
    raw.register(name, {"at": DATETIME, "n": INTEGER}, activate=True)
    told = [
        json.loads(release.python(DEPLOY, flyte_sandbox.endpoint, name, "0 3 * * *", cwd=tmp_path).splitlines()[-1])
        for release in (*order, *order)
    ]
    assert [[active for _, _, active in one if active] for one in told] == [[True]] * 4
    assert len({version for one in told for _, version, _ in one}) <= 2


SNAPSHOT = """
import sys
from bridge_core.cli import main
endpoint, file, triggers, what = sys.argv[1:]
if what == "write":
    code = main(["--endpoint", endpoint, "--insecure", "snapshot", "flytesnacks/development", "--to", file])
else:
    code = main(["check", "--against", file, triggers])
print(code)
"""


def test_a_snapshot_of_one_is_checked_against_by_the_other(
    recent_order: tuple[Release, Release], flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"at": DATETIME, "n": INTEGER}, activate=True)
    snapshot, good, bad = (tmp_path / file for file in ("snapshot.json", "good.yaml", "bad.yaml"))
    line = f"- {{name: t, entity: 'launch_plan:flytesnacks/development/{name}', cron: '@daily', inputs: {{at: $trigger_time, "
    good.write_text(f"triggers:\n  {line}n: 1}}}}\n")
    bad.write_text(f"triggers:\n  {line}m: 1}}}}\n")
    given = (flyte_sandbox.endpoint, str(snapshot))
    assert recent_order[0].python(SNAPSHOT, *given, str(good), "write", cwd=tmp_path).splitlines()[-1] == "0"
    for release in recent_order:
        assert release.python(SNAPSHOT, *given, str(good), "check", cwd=tmp_path).splitlines()[-1] == "0"
        assert release.python(SNAPSHOT, *given, str(bad), "check", cwd=tmp_path).splitlines()[-1] != "0"


def test_the_embedded_flyte_refuses_data_of_a_newer_release_and_leaves_them_as_they_are(
    releases: tuple[Release, Release], tmp_path: Path
) -> None:
    """A toy's data are not for going back: it says so, and the newer release goes on with them."""
    before, after = releases
    code = """
import sys
from pathlib import Path
from bridge_core.sandbox import Sandbox
with Sandbox(data_dir=Path(sys.argv[1])) as sandbox:
    print(sandbox.endpoint)
"""
    data = tmp_path / "data"
    after.python(code, str(data), cwd=tmp_path)
    command = [sys.executable, "-c", code, str(data)]
    done = subprocess.run(command, env=before.environment(), cwd=tmp_path, capture_output=True, text=True, timeout=100)
    if done.returncode == 0:  # no step lies between the two
        assert _schema(before, tmp_path) == _schema(after, tmp_path)
    else:
        assert "a newer flyte-bridge wrote it" in done.stderr
    after.python(code, str(data), cwd=tmp_path)


def _schema(release: Release, cwd: Path) -> str:
    return release.python("from bridge_core.sandbox.store import schema; print(len(schema._STEPS))", cwd=cwd).strip()


def test_a_run_in_the_embedded_flyte_outlives_its_upgrade(
    releases: tuple[Release, Release], name: str, tmp_path: Path
) -> None:
    grpc, http = free_ports(2)
    data = tmp_path / "data"

    def start(release: Release) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bridge_core.sandbox", "--data-dir", str(data)]
        command += ["--port", str(grpc), "--http-port", str(http)]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, env=release.environment(), cwd=tmp_path, stdout=log, stderr=log)
        raw = RawFlyte(f"127.0.0.1:{grpc}")
        deadline = time.monotonic() + 60
        while True:
            try:
                if raw.executions() is not None:
                    return process
            except Exception:  # noqa: BLE001  (not up yet, whatever gRPC says of it)
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.2)

    raw = RawFlyte(f"127.0.0.1:{grpc}")
    first = start(releases[0])
    try:
        raw.register(name, {"n": INTEGER}, gate="approve", activate=True)
        (run,) = _launched(releases[0], grpc, name, tmp_path)
    finally:
        first.kill()
        first.wait()
    second = start(releases[1])
    try:
        assert _launched(releases[1], grpc, name, tmp_path) == [run]
        raw.approve(run)
        assert _waited(releases[1], grpc, run, tmp_path) == "SUCCEEDED"
    finally:
        second.terminate()
        second.wait()


_CLIENT = """
import sys
from bridge_core import Client, Config, EntityRef, LaunchRequest
flyte = Client(Config.for_endpoint(sys.argv[1], insecure=True, project="flytesnacks", domain="development"))
"""


def _launched(release: Release, port: int, name: str, cwd: Path) -> list[str]:
    code = _CLIENT + (
        "print(flyte.launch(LaunchRequest(EntityRef.launch_plan(sys.argv[2]), inputs={'n': 7}, name='b' + sys.argv[2])).name)"
    )
    return release.python(code, f"127.0.0.1:{port}", name, cwd=cwd).split()


def _waited(release: Release, port: int, run: str, cwd: Path) -> str:
    code = _CLIENT + "print(flyte.wait(sys.argv[2]).phase.name)"
    return release.python(code, f"127.0.0.1:{port}", run, cwd=cwd).split()[-1]


STORE = """
import datetime as dt, pickle, sys
from pathlib import Path
from bridge_core import (
    AlreadyExists, Config, EntityRef, FileRef, LaunchRequest, RunError, RunFailed, RunOptions, RunPhase, RunRef, RunSnapshot,
)
from bridge_core.auth.cache import open_cache
from bridge_core.auth.token import Token
folder = Path(sys.argv[2])
config = Config.for_endpoint(
    "flyte.example.com:443", auth={"mode": "ClientSecret", "client_id": "me", "client_secret": {"env_var": "NO_SUCH"},
    "token_cache": "file", "token_cache_dir": str(folder / "tokens")})
token = Token("access", refresh="refresh", expires_at=2e9, header="authorization")
ref = RunRef("p", "d", "n")
snapshot = RunSnapshot(
    ref=ref, phase=RunPhase.FAILED, entity=EntityRef.launch_plan("wf"), created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    error=RunError(code="x", message="y"))
request = LaunchRequest(EntityRef.launch_plan("wf"), inputs={"n": 1}, name="b1", options=RunOptions(labels={"a": "b"}))
values = [ref, snapshot, snapshot.entity, FileRef(uri="s3://b/k"), request, config.to_mapping()]
errors = [RunFailed("failed", snapshot=snapshot), AlreadyExists("taken", ref=ref, snapshot=snapshot, same_entity=True)]
if sys.argv[1] == "write":
    open_cache(config).store(token)
    (folder / "values").write_bytes(pickle.dumps([values, errors]))
else:
    assert open_cache(config).load() == token
    found, raised = pickle.loads((folder / "values").read_bytes())
    assert found == values, found
    assert [(type(one), str(one), one.snapshot) for one in raised] == [(type(one), str(one), one.snapshot) for one in errors]
    assert Config.from_mapping(found[-1]) == config
print("done")
"""


def test_pickles_and_the_token_cache_are_read_by_the_other(order: tuple[Release, Release], tmp_path: Path) -> None:
    writer, reader = order
    assert writer.python(STORE, "write", str(tmp_path), cwd=tmp_path).split()[-1] == "done"
    assert reader.python(STORE, "read", str(tmp_path), cwd=tmp_path).split()[-1] == "done"
