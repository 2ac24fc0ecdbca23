"""``flyte-bridge quickstart`` from the built wheel, in an environment that holds nothing else."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from bare import SDKS, Bare, assert_all_went, read_until


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_nothing_but_the_wheel_is_needed(bare: Bare) -> None:
    assert [name for name in SDKS if bare.has(name)] == []
    code, said = bare.run("quickstart")
    assert code == 0, said
    assert_all_went(said)
    assert "in your DAGs folder (pip install 'flyte-bridge[airflow]')" in said
    assert list(bare.home.iterdir()) == [], "nothing is left in the working directory or in the home"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("file:///a%20b/flyte_bridge-1-py3-none-any.whl", "'/a b/flyte_bridge-1-py3-none-any.whl[airflow]'"),
        ("https://files.example/f.whl", "'flyte-bridge[airflow] @ https://files.example/f.whl'"),
    ],
)
def test_what_is_in_no_index_says_from_where_it_was_installed(bare: Bare, url: str, what: str) -> None:
    (information,) = bare.site.glob("flyte_bridge-*.dist-info")
    told = information / "direct_url.json"  # as pip writes it: PEP 610
    told.write_text(json.dumps({"url": url, "archive_info": {}}))
    code = "from bridge_core.cli.paste import installation; print(installation('airflow'))"
    try:
        said = subprocess.run([bare.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    finally:
        told.unlink()
    assert said == f"pip install {what}\n"


def test_a_flyte_that_is_configured_already_makes_no_difference(bare: Bare) -> None:
    settings = bare.home / ".flyte" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text(
        "admin:\n  endpoint: dns:///127.0.0.1:1\n  authType: NoSuchWay\nstorage: [not what it should be"
    )
    try:
        code, said = bare.run("quickstart")
    finally:
        shutil.rmtree(settings.parent)
    assert code == 0, said
    assert_all_went(said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_is_kept_is_reachable_by_this_machine_only_and_ends_with_the_command(
    bare: Bare, number: signal.Signals
) -> None:
    with bare.start("quickstart", "--keep") as process:
        try:
            said = read_until(process, "runs until Ctrl-C")
            (server, *_) = descendants(process)
            listening = [one.laddr for one in server.net_connections() if one.status == psutil.CONN_LISTEN]
            assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
            assert {address.port for address in listening}.isdisjoint({30080, 30002})
            endpoint = re.search(r"gRPC (127\.0\.0\.1:\d+)", said)
            assert endpoint is not None
            listed = bare.run("--endpoint", endpoint[1], "--insecure", "--project", "flytesnacks", "--domain", "development",
                              "list", "runs")  # fmt: skip
            assert listed[0] == 0
            assert "SUCCEEDED" in listed[1]
            folder = Path(server.cmdline()[server.cmdline().index("--data-dir") + 1])
            process.send_signal(number)
            rest, _ = process.communicate(timeout=30)
            assert process.returncode == 0, rest
            assert "The embedded Flyte was stopped." in rest
            assert not server.is_running()
            assert not folder.parent.exists()
        finally:
            process.kill()


def test_ctrl_c_in_the_middle_stops_what_was_started(bare: Bare) -> None:
    with bare.start("quickstart") as process:
        try:
            read_until(process, "[1/4]")
            while not descendants(process):
                time.sleep(0.01)
            servers = descendants(process)
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
            assert process.returncode == 130, rest
            assert "Traceback" not in rest
            assert "the embedded Flyte was stopped" in rest
            assert psutil.wait_procs(servers, timeout=20)[1] == []
        finally:
            process.kill()


def test_killed_it_takes_the_embedded_flyte_along(bare: Bare) -> None:
    with bare.start("quickstart", "--keep") as process:
        read_until(process, "runs until Ctrl-C")
        servers = descendants(process)
        process.kill()
        assert servers
        assert psutil.wait_procs(servers, timeout=20)[1] == []


def test_without_the_embedded_flyte_the_extra_is_named(bare: Bare) -> None:
    here, away = bare.site / "bridge_core" / "sandbox", bare.home.parent / "sandbox"
    here.rename(away)
    try:
        code, said = bare.run("quickstart")
        started = bare.run("sandbox", "start")
    finally:
        away.rename(here)
    assert code == 2
    assert "pip install 'flyte-bridge[sandbox]'" in said
    assert started[0] == 2
    assert "pip install 'flyte-bridge[sandbox]'" in started[1]
    assert "Traceback" not in said + started[1]
