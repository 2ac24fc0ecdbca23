"""A DAG run whose tasks all wait, deferred, for a run each: written into the database as `defer` writes it."""

from __future__ import annotations

import itertools
import time

from airflow_waiting import eventually

from bridge_core import Client, EntityRef, LaunchRequest, Provenance

calls = itertools.count(1)


class Many:
    """DAG runs whose tasks wait for so many runs; and a run of somebody else's.

    Args:
        airflow: The running Airflow.
        home: Its home.
        sandbox: Flyte.
        count: How many runs.
        dag_id: Of a DAG with one mapped task.
        each: Of how many tasks a DAG run consists. None: there is one DAG run.
        launched: Whether there are such runs. Without, their triggers wait for nothing (`IdleTrigger`).
    """

    def __init__(self, airflow, home, sandbox, count, *, dag_id="many", each=None, launched=True):
        self.airflow, self.home, self.sandbox, self.count, self.dag_id = airflow, home, sandbox, count, dag_id
        self.each = each or count
        self.run_id = f"{dag_id}-{count}-{next(calls)}"
        self.run_ids = [self.run_id, *(f"{self.run_id}-{number}" for number in range(1, count // self.each))]
        self.instance = airflow.instance_id()
        home.script("deferred_rows.py", self.dag_id, ",".join(self.run_ids), str(self.each), timeout=900)
        self.names = [f"none-{index}" for index in range(count)]
        if not launched:
            return
        with Client(sandbox.config()) as flyte:
            refs = flyte.launch_many([self._request(index) for index in range(count)])
            self.names = [ref.name for ref in refs]
            entity = EntityRef.launch_plan("tests.held", project="flytesnacks", domain="development")
            self.other = flyte.launch(LaunchRequest(entity, inputs={"n": 0, "at": "elsewhere"})).name

    def _request(self, index):
        return LaunchRequest(
            EntityRef.launch_plan("tests.held", project="flytesnacks", domain="development"),
            inputs={"n": index, "at": "here"},
            provenance=Provenance(
                source="airflow",
                installation=self.instance,
                job=self.dag_id,
                run=self.run_ids[index // self.each],
                task="run",
                part=str(index % self.each),
                identity="any/0",
                awaited=True,
            ),
        )

    def defer(self):
        runs = ",".join(self.run_ids)
        self.home.script("deferred_rows.py", self.dag_id, runs, stdin="\n".join(self.names), timeout=900)

    def watched(self):
        """Once the triggerer waits for all of them."""
        folder = self.home.root / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}"

        def waiting():
            return sum("waiting for run" in log.read_text() for log in folder.rglob("*.log*"))

        eventually(lambda: waiting() == self.count, 90, explain=lambda: f"{waiting()} of {self.count} wait")

    def stop(self, state="failed"):
        self.airflow.call("PATCH", f"/dags/{self.dag_id}/dagRuns/{self.run_id}", state=state)

    def aborts(self):
        """Name of the run -> causes, of aborts that Flyte carried out."""
        names = {*self.names, self.other}
        found = {}
        for call in self.sandbox.calls.of("TerminateExecution"):
            if call.request.id.name in names and call.code == "OK":
                found.setdefault(call.request.id.name, []).append(call.request.cause)
        return found

    def all_aborted(self, timeout):
        eventually(lambda: len(self.aborts()) >= self.count, timeout, explain=lambda: f"{len(self.aborts())} aborted")
        time.sleep(2)
        aborts = self.aborts()
        assert set(aborts) == set(self.names)
        return aborts
