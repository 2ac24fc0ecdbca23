"""A step whose processes died under one release is retried under the other one, which attaches: ``make test-upgrade``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from dagster_support import Home, children, runs_of, served, until
from support.flyte import INTEGER, RawFlyte
from support.releases import Release, both

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = [pytest.mark.upgrade, pytest.mark.timeout(400)]


# What both releases can load: an asset as it was from the first. Named as the webserver's other code location is.
CODE = """
import os
import dagster as dg
from dagster_integration import FlyteResource, build_flyte_assets
plain = build_flyte_assets(os.environ["TEST_FLYTE_ENTITY"], name="plain", inputs={"n": 7}, poll_interval=0.2)
flyte = FlyteResource(
    endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
)
job = dg.define_asset_job("multiprocess_plain", [plain], executor_def=dg.multiprocess_executor)
defs = dg.Definitions(assets=[plain], jobs=[job], resources={"flyte": flyte})
"""


def home_of(release: Release, folder: Path, sandbox: Sandbox, entity: str) -> Home:
    code = folder.with_name("code")
    code.mkdir(exist_ok=True)
    (code / "flyte_defs.py").write_text(CODE)
    return Home(folder, sandbox.endpoint, entity, PYTHONPATH=os.pathsep.join((str(release.path), str(code))))


@pytest.mark.parametrize("way", ["upgrade", "rollback"])
def test_what_one_launched_the_other_attaches_to(
    way: str, flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    first, second = both() if way == "upgrade" else both()[::-1]
    raw.register(name, {"n": INTEGER}, gate="approve")
    before = home_of(first, tmp_path / "home", flyte_sandbox, name)
    with served(before) as webserver:
        run_id = webserver.launch("multiprocess_plain")
        (run,) = until(lambda: runs_of(raw, name), label="the Flyte run exists")
        asked = flyte_sandbox.calls.count("GetExecution")
        until(lambda: flyte_sandbox.calls.count("GetExecution") > asked + 3, label="somebody waits for the run")
        worker = webserver.worker(run_id)
        for process in (psutil.Process(worker), *children(worker)):
            process.kill()
    after = home_of(second, tmp_path / "home", flyte_sandbox, name)
    with after.instance() as instance:
        record = instance.get_run_by_id(run_id)
        assert record is not None
        instance.report_run_failed(record)
    with served(after) as webserver:
        again = webserver.reexecute(run_id)
        asked = flyte_sandbox.calls.count("GetExecution")
        until(lambda: flyte_sandbox.calls.count("GetExecution") > asked + 3, label="the retry waits for the run")
        raw.approve(run.id.name)
        assert webserver.finished(again)["status"] == "SUCCESS", webserver.log(again)
        third = webserver.launch("multiprocess_plain")  # and goes on with work of its own
        until(lambda: len(runs_of(raw, name)) == 2, label="a second Flyte run exists")
        raw.approve(runs_of(raw, name)[0].id.name)
        assert webserver.finished(third)["status"] == "SUCCESS", webserver.log(third)
    assert flyte_sandbox.calls.count("CreateExecution") == 2
    assert flyte_sandbox.calls.count("TerminateExecution") == 0
