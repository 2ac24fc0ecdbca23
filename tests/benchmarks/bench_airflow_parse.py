"""What a DAG file with all that we have for it costs to parse, beside one with as many of Airflow's own, by CPU time.

Each in fresh processes, in turns, figures are medians: our modules are imported anew, those of Airflow that a DAG processor has
loaded are there. What counts is what ours takes beyond Airflow's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 13  # of which the first two warm the disk's cache
MOST_MS = 10.0

WARM = """
import time
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseOperatorLink, BaseSensorOperator, conf, task
from airflow.sdk import Asset, AssetWatcher
from airflow.sdk.bases.decorator import task_decorator_factory
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.definitions.decorators import TaskDecoratorCollection
from airflow.triggers.base import BaseEventTrigger, StartTriggerArgs
with DAG("warm", schedule=None):
    task(lambda: 1, task_id="warm")()
class _Operator(BaseOperator): pass
class _Sensor(BaseSensorOperator): pass
class _Trigger(BaseEventTrigger):
    def serialize(self): return ("a.b", {})
    async def run(self): yield None
class _Notifier(BaseNotifier):
    def notify(self, context): pass
conf.getboolean("operators", "default_deferrable", fallback=False)
begin = time.process_time()
"""
TELL = "\nprint(1000 * (time.process_time() - begin))\n"
AIRFLOW = """
with DAG("parsed", schedule=[Asset("a", watchers=[AssetWatcher(name="w", trigger=_Trigger())])]):
    first = _Operator(task_id="first", on_failure_callback=_Notifier())
    first >> [_Operator(task_id=f"task{number}") for number in range(4)]
    _Sensor(task_id="sensor")

    @task
    def decorated(n):
        return {"n": n}

    decorated(first.output)
"""
OURS = """
from airflow_provider.decorators.flyte import flyte_task
from airflow_provider.links import FlyteConsoleLink, FlyteLogLink
from airflow_provider.notifications.flyte import FlyteRunsNotifier
from airflow_provider.operators.flyte import (
    FlyteAbortOperator, FlyteDeployTriggerOperator, FlyteRegisterOperator, FlyteRunOperator, FlyteSignalOperator
)
from airflow_provider.sensors.flyte import FlyteRunSensor
from airflow_provider.triggers.flyte import FlyteRunEventTrigger

with DAG("parsed", schedule=[Asset("a", watchers=[AssetWatcher(name="w", trigger=FlyteRunEventTrigger(entity="a.b"))])]):
    first = FlyteRunOperator(task_id="first", entity="a.b", deferrable=True, on_failure_callback=FlyteRunsNotifier())
    run = first.output["flyte_run"]
    first >> [
        FlyteRegisterOperator(task_id="register", source="flows/"),
        FlyteSignalOperator(task_id="signal", run=run, signal_id="go"),
        FlyteAbortOperator(task_id="abort", run=run),
        FlyteDeployTriggerOperator(task_id="deploy", trigger={"name": "t", "entity": "a.b", "cron": "@daily"}),
    ]
    FlyteRunSensor(task_id="sensor", entity="a.b", deferrable=True)

    @task.flyte(entity="a.b")
    def decorated(n):
        return {"n": n}

    decorated(first.output)
import sys
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"grpc", "flyteidl", "flyteidl2", "wtforms", "flytekit"})
assert not heavy, heavy
"""


def measure(body: str, home: str) -> float:
    """Milliseconds of CPU in one fresh process."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "FLYTE"))}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # users have bytecode beside the sources
    env = {**env, "AIRFLOW_HOME": home, "HOME": home}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WARM + body + TELL], env=env, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-3000:])
    return float(done.stdout.splitlines()[-1])


def main() -> int:
    """Prints the figures; fails when ours takes more than 10 ms beyond Airflow's."""
    figures: dict[str, list[float]] = {"Airflow's": [], "ours": []}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(ROUNDS):
            for label, body in (("Airflow's", AIRFLOW), ("ours", OURS)):
                figures[label].append(measure(body, home))
    peer, ours = (statistics.median(found[2:]) for found in figures.values())
    print(f"parsing a DAG file, CPU: Airflow's own classes {peer:.1f} ms, all of ours {ours:.1f} ms")
    print(f"  beyond Airflow's: {ours - peer:.1f} ms (accepted: {MOST_MS:g}); load {os.getloadavg()[0]:.1f}")
    return int(ours - peer > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
