"""``flyte-bridge check`` of 300 DAG files against a snapshot's file: seconds and CPU of all its processes, with no network.

A process of it that opens a connection, or looks a name up, fails the run. Beside the same files loaded without any check, which
is Airflow's own work.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

COUNT = 300
MOST = 5.0
DAG = """
from airflow.sdk import dag
from airflow_provider.operators.flyte import FlyteRunOperator


@dag(dag_id="etl_{number}", schedule=None)
def etl():
    train = FlyteRunOperator(task_id="train", entity="ml.train", inputs={{"day": "{{{{ ds }}}}", "epochs": {number}}})
    FlyteRunOperator(task_id="report", entity="ml.train@v1", inputs={{"day": train.output["day"]}}, deferrable=True)


etl()
"""
NO_NETWORK = """
import sys


def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        open({marks!r}, "a").write(f"{{event}} {{arguments}}\\n")
        raise OSError("no network here")


sys.addaudithook(refuse)
"""
CHECK = "import sys; from bridge_core.cli.main import main; sys.exit(main())"
LOAD = """
import importlib.util, pathlib, sys
for number, file in enumerate(sorted(pathlib.Path(sys.argv[1]).glob("*.py"))):
    spec = importlib.util.spec_from_file_location(f"loaded_{number}", file)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


def measure(code: str, *arguments: str, env: dict[str, str]) -> tuple[float, float, str]:
    """Seconds, seconds of CPU, and what was printed."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments], env=env, capture_output=True, text=True
    )
    took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-3000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu, done.stdout.strip()


def main() -> int:
    """Prints the figures; fails when it takes more than 5 s of CPU, or asks anybody."""
    from support.flyte import INTEGER, STRING, RawFlyte, integer

    from bridge_core import Client
    from bridge_core.sandbox import Sandbox

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "dags").mkdir()
        (root / "site").mkdir()
        for number in range(COUNT):
            (root / "dags" / f"etl_{number}.py").write_text(DAG.format(number=number))
        with Sandbox() as sandbox, Client(sandbox.config()) as flyte:
            raw = RawFlyte(sandbox.endpoint)
            for number in range(100):
                raw.register(f"ml.other{number}", {"day": STRING})
            raw.register("ml.train", {"day": STRING, "epochs": INTEGER}, defaults={"epochs": integer(3)})
            flyte.interfaces().write(root / "interfaces.json")
        marks = root / "marks"
        (root / "site" / "sitecustomize.py").write_text(NO_NETWORK.format(marks=str(marks)))
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "FLYTE"))}
        env = {**env, "PYTHONPATH": str(root / "site"), "AIRFLOW_HOME": str(root), "HOME": str(root)}
        arguments = ("check", str(root / "dags"), "--against", str(root / "interfaces.json"))
        measure(CHECK, *arguments, env=env)  # compiles
        found = [measure(CHECK, *arguments, env=env) for _ in range(3)]
        alone = [measure(LOAD, str(root / "dags"), env=env) for _ in range(3)]
        asked = marks.read_text() if marks.exists() else ""
    took, cpu, said = min(found, key=lambda item: item[1])
    print(f"{COUNT} DAG files: {took:.2f} s, {cpu:.2f} s of CPU in all processes (wanted {MOST:g}): {said}")
    print(f"the same files loaded and not checked: {min(item[1] for item in alone):.2f} s of CPU")
    print(f"connections and look-ups: {asked or 'none'}")
    return 0 if cpu <= MOST and not asked and said == f"0 problems in {2 * COUNT} uses of Flyte" else 1


if __name__ == "__main__":
    sys.exit(main())
