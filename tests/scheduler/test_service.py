"""What a supervisor sees of a runner: probes, the page of metrics, signals, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine
from support.ports import has_ipv6
from support.schedules import NOON, Stage, settle

from bridge_core import Client, Config, ConfigError
from bridge_core.cli import main
from bridge_core.scheduler import Clock, Scheduler
from bridge_core.scheduler.health import judge
from bridge_core.scheduler.store import TickRow

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

EVERY_MINUTE = 'triggers:\n  - {name: t, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}, missed: all}\n'
EVERY_SECOND = EVERY_MINUTE.replace('cron: "* * * * *"', "every: 1s")


def page(scheduler: Scheduler, name: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"{scheduler.url}/{name}") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_leader_and_a_standby_are_live_and_ready(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    with (
        Scheduler(stage.client, path, clock=stage.clock, http_port=0) as one,
        Scheduler(stage.client, path, clock=stage.clock, http_port=0) as two,
    ):
        assert page(one, "livez")[0] == 200
        code, details = page(one, "readyz")
        assert (code, details["ok"], details["trouble"]) == (503, False, "starting")
        settle(one, two)
        for scheduler, role in ((one, "leader"), (two, "standby")):
            code, details = page(scheduler, "readyz")
            assert (code, details["status"], details["trouble"]) == (200, role, None)
            assert page(scheduler, "livez")[0] == page(scheduler, "healthz?verbose")[0] == 200
        one.stop()
        assert page(one, "readyz")[1]["trouble"] == "stopping"
        assert page(one, "readyz")[0] == 503
        assert page(one, "livez")[0] == 200, "a runner that ends in good order is not killed for it"


def test_a_runner_whose_state_is_away_is_live_and_says_why_it_is_not_ready(stage: Stage) -> None:
    class Fast(Clock):
        ahead = 0.0

        def monotonic(self) -> float:
            return time.monotonic() + self.ahead

    clock = Fast()
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), clock=clock, http_port=0) as scheduler:
        scheduler.start()
        while page(scheduler, "readyz")[0] != 200:
            time.sleep(0.02)
        good = scheduler._store.engine
        scheduler._store.engine = create_engine("sqlite:////nowhere/state.db")
        while not page(scheduler, "livez")[1]["state_trouble"]:
            time.sleep(0.02)
        clock.ahead = 31
        while page(scheduler, "readyz")[0] == 200:
            time.sleep(0.02)
        code, details = page(scheduler, "readyz")
        assert code == 503
        assert "the state cannot be used: OperationalError" in details["trouble"]
        assert page(scheduler, "livez")[0] == 200, "a restart would not bring the database back"
        assert scheduler.metrics.get("state_errors_total") >= 1
        scheduler._store.engine = good
        while page(scheduler, "readyz")[0] != 200:
            time.sleep(0.02)
        assert page(scheduler, "readyz")[1]["state_trouble"] is None


def test_a_loop_that_does_not_go_round_is_not_live() -> None:
    stuck = judge({}, now=161, looped=100, good=100, stopping=False, state_trouble=None)
    assert stuck.not_live == "the loop has not gone round for 61 s"
    assert stuck.not_ready is not None
    slow = judge({}, now=120, looped=100, good=100, stopping=False, state_trouble=None)
    assert (slow.not_live, slow.not_ready) == (None, None)


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://0.0.0.0:"), ("::1", "http://[::1]:")])
def test_where_the_pages_are(stage: Stage, host: str, url: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("no IPv6 here")
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), http_port=0, http_host=host) as scheduler:
        assert scheduler.url is not None
        assert scheduler.url.startswith(url)
        assert page(scheduler, "livez")[0] == 200


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 99999)])
def test_where_nobody_can_listen(stage: Stage, host: str, port: int) -> None:
    with pytest.raises(ConfigError, match=rf"port {port} of {host} .* cannot be opened.*--http-host"):
        Scheduler(stage.client, stage.write(EVERY_MINUTE), http_port=port, http_host=host)


def test_the_page_of_metrics_is_prometheus_text(stage: Stage) -> None:
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), clock=stage.clock, http_port=0) as scheduler:
        before = _families(scheduler)
        stage.run(scheduler, NOON, NOON + 63)
        after = _families(scheduler)
    assert set(before) == set(after), "every series is there from the start"
    assert after["ticks_total", "launched"] == 1
    assert before["ticks_total", "failed"] == after["retries_total", "could_not_ask"] == 0
    assert (after["late_seconds_sum", ""], after["late_seconds_count", ""]) == (3, 1)
    assert [after["late_seconds_bucket", bound] for bound in ("2", "5", "+Inf")] == [0, 1, 1]
    assert (before["ready", ""], after["ready", ""], after["leader", ""]) == (0, 1, 1)


def _families(scheduler: Scheduler) -> dict[tuple[str, str], float]:
    """(name without prefix, value of its label) -> number; read by Prometheus' own client."""
    with urllib.request.urlopen(f"{scheduler.url}/metrics") as answer:
        text = answer.read().decode()
    out = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            assert sample.name.startswith("flyte_bridge_scheduler_")
            key = (sample.name.removeprefix("flyte_bridge_scheduler_"), next(iter(sample.labels.values()), ""))
            assert key not in out
            out[key] = sample.value
    return out


def test_why_ticks_are_tried_again_is_told_apart(stage: Stage, flyte_sandbox: Sandbox) -> None:
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), clock=stage.clock) as scheduler:
        stage.run(scheduler, NOON)
        for minute, (code, why) in enumerate(
            [
                ("UNAVAILABLE", "could_not_ask"),
                ("PERMISSION_DENIED", "refused_by_flyte"),
                ("RESOURCE_EXHAUSTED", "limit"),
            ],
            1,
        ):
            flyte_sandbox.faults.clear()
            flyte_sandbox.faults.fail("CreateExecution", code=code, times=20)
            stage.run(scheduler, NOON + 60 * minute)
            assert scheduler.metrics.get("retries_total", reason=why) >= 1, why
            flyte_sandbox.faults.clear()
            stage.run(scheduler, NOON + 60 * minute + 30)
            assert scheduler.metrics.get("oldest_pending_seconds") == 0
        assert scheduler.metrics.get("ticks_total", outcome="launched") == 3
        assert scheduler.metrics.get("ticks_total", outcome="failed") == 0


def test_how_long_the_oldest_tick_has_been_due(stage: Stage) -> None:
    nowhere = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, project="flytesnacks", domain="development"))
    with nowhere, Scheduler(nowhere, stage.write(EVERY_MINUTE), clock=stage.clock) as scheduler:
        stage.run(scheduler, NOON, NOON + 60, NOON + 150)
        assert scheduler.metrics.get("oldest_pending_seconds") == 90
        scheduler._client = stage.client
        stage.run(scheduler, NOON + 155, NOON + 170)
        assert scheduler.metrics.get("oldest_pending_seconds") == 0


def test_signals_may_come_at_any_moment(triggers: Callable[[str], Path]) -> None:
    """A handler that takes a lock of the loop's would hang the loop: here hundreds of signals come in every second."""
    path = triggers(EVERY_MINUTE.replace("* * * * *", "0 0 1 1 *"))
    code = f"""
        import os, signal, sys, threading, time
        from bridge_core import Client, Config
        from bridge_core.scheduler import Scheduler
        config = Config.for_endpoint("127.0.0.1:1", insecure=True, project="p", domain="d")
        with Client(config) as client, Scheduler(client, {str(path)!r}) as scheduler:
            count = 0
            def handler(*_):
                global count
                count += 1
                scheduler.stop() if count == 3000 else scheduler.reload() if count % 50 == 0 else scheduler._wake.set()
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            scheduler.run()
            signal.setitimer(signal.ITIMER_REAL, 0)
            print("stopped", flush=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=100)
    assert done.stdout == "stopped\n", done.stderr[-2000:]


def test_a_flyte_that_swallows_everything_does_not_keep_a_runner_from_stopping(
    triggers: Callable[[str], Path], tmp_path: Path
) -> None:
    path = triggers(EVERY_SECOND)
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        port = hole.getsockname()[1]
        command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", str(path), "--stop-timeout", "1"]
        command += ["--endpoint", f"127.0.0.1:{port}", "--insecure", "--project", "p", "--domain", "d"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            accepted, _ = hole.accept()  # a launch is under way
            with accepted:
                process.send_signal(signal.SIGTERM)
                _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert "launches were still under way after 1 s; the next start finds out what became of them" in log
    assert "Traceback" not in log


def test_a_state_that_is_gone_does_not_keep_a_runner_from_stopping(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), clock=stage.clock) as scheduler:
        stage.run(scheduler, NOON)
        stage.clock.at = NOON + 60
        scheduler.step()
        while scheduler._results.empty():
            time.sleep(0.01)
        scheduler._store.engine = create_engine("sqlite:////nowhere/state.db")
        scheduler.stop()
        scheduler.run()
    assert "stopped without the state" in caplog.text


def test_the_url_of_the_state_need_not_stand_on_the_command_line(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stage.write(EVERY_MINUTE)
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    with Scheduler(stage.client, path, state=url, clock=stage.clock) as scheduler:
        stage.run(scheduler, NOON)
    monkeypatch.setenv("STATE_URL", url)
    (tmp_path / "url").write_text(url + "\n")
    for state in ("env:STATE_URL", f"file:{tmp_path}/url", url):
        assert main(["scheduler", "status", str(path), "--state", state]) == 0
        assert "t: active" in capsys.readouterr().out
    assert main(["scheduler", "status", str(path), "--state", "env:NO_SUCH_VARIABLE"]) == 2
    assert "NO_SUCH_VARIABLE" in capsys.readouterr().err


@pytest.mark.parametrize(
    "state",
    [
        "postgresql+psycopg://me:hunter2@127.0.0.1:1/db?connect_timeout=1",
        "postgresql+psycopg://127.0.0.1:1/db?password=hunter2&connect_timeout=1",
        "postgresql+psycopg://me:hunter2@[::1/db",
        "mysql://me:hunter2@127.0.0.1/db",
        "me:hunter2@db",
    ],
)
def test_no_message_shows_the_password_of_the_state(
    stage: Stage, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scheduler", "status", str(stage.write("name: a\n" + EVERY_MINUTE)), "--state", state]) == 2
    said = capsys.readouterr()
    assert "scheduler state " in said.err
    assert "hunter2" not in said.err + said.out


def test_a_config_map_is_read_again_when_kubernetes_swaps_it(stage: Stage, tmp_path: Path) -> None:
    """As the kubelet mounts one: files are links into ``..data``, which is a link that is replaced as a whole."""
    text = stage.write(EVERY_MINUTE).read_text()
    volume = tmp_path / "volume"
    volume.mkdir()

    def publish(number: int, content: str) -> None:
        folder = volume / f"..2026_11_20_12_00_0{number}.1"
        folder.mkdir()
        (folder / "triggers.yaml").write_text(content)
        old = (volume / "..data").resolve() if (volume / "..data").exists() else None
        (volume / "..data_tmp").symlink_to(folder.name)
        os.replace(volume / "..data_tmp", volume / "..data")  # noqa: PTH105  (rename(2), as the kubelet calls it)
        if old is None:
            (volume / "triggers.yaml").symlink_to("..data/triggers.yaml")
        else:
            (old / "triggers.yaml").unlink()
            old.rmdir()

    publish(1, text)
    with Scheduler(
        stage.client, volume / "triggers.yaml", state=f"sqlite:///{tmp_path}/s.db", clock=stage.clock
    ) as one:
        stage.run(one, NOON, NOON + 60)
        publish(2, text.replace("name: t,", "name: u,"))  # the same size, and within the same second
        stage.run(one, NOON + 61, NOON + 120)
        publish(3, text.replace("name: t,", "name: ,"))
        stage.run(one, NOON + 121, NOON + 180)
        assert one.metrics.get("file_refused") == 1
        publish(4, text.replace("name: t,", "name: v,"))
        stage.run(one, NOON + 181, NOON + 240)
        assert one.metrics.get("file_refused") == 0
    assert [trigger for trigger, _ in stage.ticks] == ["t", "u", "u", "v"]


def test_a_file_without_a_name_shares_no_database(stage: Stage, tmp_path: Path) -> None:
    """Two such files would be replicas of each other: one leads, and the triggers of the other one never fire."""
    path = stage.write(EVERY_MINUTE)
    url = "postgresql+psycopg://127.0.0.1:1/db"
    with pytest.raises(ConfigError, match="has no name, and its state is kept in a database that others may share"):
        Scheduler(stage.client, path, state=url)
    stage.write("name: default\n" + EVERY_MINUTE)
    with pytest.raises(ConfigError, match="cannot be opened"):  # the next step: nobody is there
        Scheduler(stage.client, path, state=url + "?connect_timeout=1")


def test_an_outage_of_the_state_is_said_once_and_its_end_too(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "bridge_core.scheduler")
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), clock=stage.clock) as scheduler:
        good = scheduler._store.engine
        scheduler._store.engine = create_engine("sqlite:////nowhere/state.db")
        scheduler.start()
        while scheduler.metrics.get("state_errors_total") < 5:
            time.sleep(0.01)
        scheduler._store.engine = good
        while not scheduler.leads:
            time.sleep(0.01)
    said = [record.getMessage() for record in caplog.records if "the state can" in record.getMessage()]
    assert [line.split(";")[0] for line in said] == ["the state cannot be used", "the state can be used again"]


def test_old_ticks_are_forgotten_a_few_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge_core.scheduler.runner._FORGOTTEN", 10)
    path = stage.write(EVERY_MINUTE.replace("* * * * *", "0 0 1 1 *"))
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON)
        store = scheduler._store
        ticks = [TickRow(trigger="t", tick=at, state="launched", launch_at=at) for at in range(NOON - 25, NOON)]
        waiting = TickRow(trigger="t", tick=NOON - 30, state="pending", launch_at=NOON * 2)
        assert store.decide([], [*ticks, waiting])
        stage.clock.at = NOON + 31 * 86400
        scheduler._sweep_at = 0
        left = []
        for _ in range(4):
            scheduler.step()
            left.append(len(store.ticks()))
    assert left == [16, 6, 1, 1], "what waits to be launched is never forgotten"
