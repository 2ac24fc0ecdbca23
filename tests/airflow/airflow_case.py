"""One DAG run with one task ``run``, and what Flyte saw of it."""

from __future__ import annotations

import contextlib
import itertools

import psutil
from airflow_waiting import eventually

numbers = itertools.count(1001)  # no other test launches with these


class Case:
    """One DAG run, and what Flyte saw of it."""

    def __init__(self, airflow, sandbox, flyte, dag_id, n=None, **conf):
        self.airflow, self.sandbox, self.flyte, self.dag_id = airflow, sandbox, flyte, dag_id
        self.n = next(numbers) if n is None else n
        self.run_id = f"{dag_id}-{self.n}"
        airflow.trigger(dag_id, self.run_id, self.n, **conf)

    def wait(self, *states, **wanted):
        return self.airflow.wait(self.dag_id, self.run_id, *states, **wanted)

    def xcom(self, key="return_value"):
        return self.airflow.xcom(self.dag_id, self.run_id, key)

    def runs(self):
        """Flyte's executions of this case, newest last: each carries our number as its input."""
        names = {
            call.request.name
            for call in self.sandbox.calls.of("CreateExecution")
            if call.request.inputs.literals["n"].scalar.primitive.integer == self.n
            and call.request.spec.launch_plan.name == "tests.held"
        }
        return sorted(
            (run for run in self.flyte.executions() if run.id.name in names),
            key=lambda run: run.closure.created_at.ToNanoseconds(),
        )

    def creates(self):
        names = {run.id.name for run in self.runs()}
        return sum(call.request.name in names for call in self.sandbox.calls.of("CreateExecution"))

    def aborts(self):
        """Aborts that Flyte carried out."""
        names = {run.id.name for run in self.runs()}
        calls = self.sandbox.calls.of("TerminateExecution")
        return [call.request for call in calls if call.request.id.name in names and call.code == "OK"]

    def launched(self, count=1):
        """Names of this case's runs, once there are that many."""
        return self.eventually(lambda: [run.id.name for run in runs] if len(runs := self.runs()) >= count else None)

    def logged(self, text):
        self.eventually(lambda: text in self.log())

    def eventually(self, probe, timeout=60.0):
        return eventually(probe, timeout, explain=lambda: f"{self.log()[-8000:]}\n{self.airflow.logs()}")

    def waiting_process(self):
        """The task's process, once it waits for Flyte."""
        self.wait("running")
        self.logged("Console:")
        return self.process()

    def process(self):
        """The process of the task that runs."""
        pid = self.airflow.task(self.dag_id, self.run_id)["pid"]
        assert pid, "psutil would take none for this process, and tests kill what they are given"
        return psutil.Process(pid)

    def log(self):
        return self.airflow.task_log(self.dag_id, self.run_id)


def phase(run):
    from flyteidl.core import execution_pb2

    return execution_pb2.WorkflowExecution.Phase.Name(run.closure.phase)


def launched_at(sandbox, at):
    """What was launched by the task that says so in its input ``at``."""
    return [
        call.request
        for call in sandbox.calls.of("CreateExecution")
        if call.request.inputs.literals["at"].scalar.primitive.string_value == at
    ]


def kill_what_is_left(process):
    """SIGKILL, some time after SIGTERM: a task process of Airflow 2 ends by itself then, and may have."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
