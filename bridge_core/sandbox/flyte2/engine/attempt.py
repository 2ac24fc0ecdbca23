"""One attempt of one action as a process: the contract between the executor and a container of Flyte 2.

inputs.pb is there, the process writes outputs.pb or error.pb below its output prefix and ends with 0. Unlike Flyte 1, another
exit code says nothing: the pod is made anew, for ever on a cluster (``plugins/k8s/pod/plugin.go:282``); and a task without
outputs.pb has failed, also one that declares no outputs.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2, literals_pb2, tasks_pb2

from ...model.outcome import Failure
from ...runner.command import command_of, flattened
from ...runner.copilot import OUTPUTS, prepare, upload
from ...runner.outcome_files import failure_in
from ...runner.template import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...runner.context import RunnerContext
    from ...runner.fork import ForkedProcess
    from ...runner.process import TaskProcess
    from .places import Places

__all__ = ["AttemptEnd", "AttemptOrder", "ProcessAttempt", "template_values"]

_log = logging.getLogger(__name__)
_SYSTEM = execution_pb2.ExecutionError.SYSTEM


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOrder:
    """What to run."""

    run: Any
    """The RunIdentifier."""
    action: str
    task: Any
    """The TaskSpec."""
    inputs_uri: str
    run_base: str
    outputs_prefix: str
    previous_prefix: str
    """Output prefix of the attempt before; empty for the first."""
    attempt: int
    """From 1."""
    run_start_time: str
    pod: str
    envs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables with secrets, which the task asks for."""


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How it ended."""

    failure: Failure | None = None
    """What the task says, or why it could not be run."""
    crashed: str = ""
    """How the process died without a word; then it is made anew."""
    stopped: bool = False


class ProcessAttempt:
    """A job of the pool.

    Args:
        context: What all attempts of the sandbox share.
        places: Where files are.
        endpoint: ``HOST:PORT`` of the Flyte 2 server, for tasks that enqueue others.
        order: What to run.
        started: Called on the pool's thread when the process has started.
        report: Called there once with how it ended.
    """

    def __init__(
        self,
        context: RunnerContext,
        places: Places,
        endpoint: str,
        order: AttemptOrder,
        *,
        started: Callable[[], None],
        report: Callable[[AttemptEnd], None],
    ) -> None:
        self.counted = True
        self._context = context
        self._places = places
        self._endpoint = endpoint
        self._order = order
        self._started = started
        self._report = report
        self._lock = threading.Lock()
        self._process: TaskProcess | ForkedProcess | None = None
        self._stopped = False

    def run(self) -> None:
        """Runs the attempt and reports how it ended."""
        try:
            end = self._run()
        except Failure as failure:
            end = AttemptEnd(failure)
        except OSError as error:
            end = AttemptEnd(Failure("SandboxError", f"cannot run the task: {error}", kind=_SYSTEM))
        except Exception as error:  # noqa: BLE001
            # The boundary of the thread: an attempt that never reports would leave its run hanging.
            _log.exception("attempt %s failed in the sandbox", self._order.outputs_prefix)
            end = AttemptEnd(Failure("SandboxError", f"the sandbox failed to run the task: {error!r}", kind=_SYSTEM))
        self._report(AttemptEnd(stopped=True) if self._stopped else end)

    def dropped(self) -> None:
        """It was cancelled before it began."""
        self._report(AttemptEnd(stopped=True))

    def stop(self, *, now: bool) -> None:
        """Ends the process group."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None:
            if now:
                process.kill()
            else:
                process.terminate()

    def _run(self) -> AttemptEnd:
        order, places, context = self._order, self._places, self._context
        layout = context.layout
        output = places.path(order.outputs_prefix)
        output.mkdir(parents=True, exist_ok=True)
        image = context.images.of(order.run.project)
        # The messages of both generations have the same numbers: one reader of container templates is enough.
        task = tasks_pb2.TaskTemplate.FromString(order.task.task_template.SerializeToString())
        inputs = literals_pb2.LiteralMap.FromString(places.read(order.inputs_uri) or b"")
        command = flattened(command_of(task, context.images), image.python.parent)
        argv = fill(command.argv, template_values(order, places), inputs, layout.local)
        own = command.env
        work = Path(tempfile.mkdtemp(prefix="task-", dir=layout.work))
        log = output / "task.log"
        try:
            if command.data is not None:
                argv, own = prepare(command, argv, work, inputs, places.path)
            kill = context.kills.take(order.run.name, order.action, task.id.name)
            with self._lock:
                if self._stopped:
                    return AttemptEnd(stopped=True)
                self._process = context.starter.start(
                    argv,
                    python=image.python,
                    cwd=work,
                    env=self._environment(task, own, image),
                    log=log,
                    own=[*command.env, *order.envs],
                )
            self._started()
            code = self._process.wait(None if kill is None else kill.after)
            if kill is not None:
                return AttemptEnd(crashed=f"{kill.kind} (planned)")
            if command.data is not None and code == 0:
                found = upload(work / OUTPUTS, task.interface.outputs.variables, output / "raw", layout)
                places.write(f"{order.outputs_prefix}/outputs.pb", found.SerializeToString(deterministic=True))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        if code:
            return AttemptEnd(crashed=f"exit code {code}")
        failure = failure_in(output)
        if failure is None and not (output / "outputs.pb").exists():
            uri = f"{order.outputs_prefix}/outputs.pb"
            text = f"failed to read data from dataDir [{uri}]. Error: path:{uri}: not found"
            failure = Failure("", f'plugin "pod" failed with system error 4 times: {text}', kind=_SYSTEM)
        return AttemptEnd(failure)

    def _environment(self, task: Any, container: Mapping[str, str], image: Any) -> dict[str, str]:
        order, context = self._order, self._context
        env = {**context.secrets.environment(task, os.environ), **order.secrets, **container, **order.envs}
        path = [*map(str, image.pythonpath), *filter(None, [env.get("PYTHONPATH") if container else None])]
        env.pop("PYTHONPATH", None)
        if path:
            env["PYTHONPATH"] = os.pathsep.join(path)
        env |= {
            "PATH": os.pathsep.join([str(image.python.parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "DO_NOT_TRACK": "1",
            "FSSPEC_FILE_AUTO_MKDIR": "1",
            "ACTION_NAME": order.action,
            "RUN_NAME": order.run.name,
            "_U_RUN_BASE": order.run_base.rstrip("/") + "/",
            "_U_ORG_NAME": "local",
            "_U_EP_OVERRIDE": self._endpoint,
            "_U_INSECURE": "1",
            "_U_USE_ACTIONS": "1",
            "_F_PN": order.pod,
            "FLYTE_ATTEMPT_NUMBER": str(order.attempt - 1),
            "FLYTE_INTERNAL_EXECUTION_ID": order.run.name,
            "FLYTE_INTERNAL_EXECUTION_PROJECT": order.run.project,
            "FLYTE_INTERNAL_EXECUTION_DOMAIN": order.run.domain,
            **context.env,
            **_aws(context.env),
        }
        for what, value in (
            ("PROJECT", task.id.project or order.run.project),
            ("DOMAIN", task.id.domain or order.run.domain),
            ("NAME", task.id.name),
            ("VERSION", task.id.version),
        ):
            env[f"FLYTE_INTERNAL_TASK_{what}"] = env[f"FLYTE_INTERNAL_{what}"] = value
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env


def template_values(order: AttemptOrder, places: Places) -> dict[str, str]:
    """What the templates stand for; ``{{.runName}}`` and ``{{.actionName}}`` stay, the runtime reads the environment."""
    previous = f"{order.previous_prefix}/_flytecheckpoints" if order.previous_prefix else ""
    return {
        "input": order.inputs_uri,
        "inputprefix": order.inputs_uri.rpartition("/")[0],
        "outputprefix": order.outputs_prefix,
        # A plain path on this machine: the SDK opens what it calls local without looking for a scheme (File.open).
        "rawoutputdataprefix": places.native(order.outputs_prefix),
        "checkpointoutputprefix": f"{order.outputs_prefix}/_flytecheckpoints",
        "prevcheckpointprefix": previous,
        "runstarttime": order.run_start_time,
        "perretryuniquekey": order.pod,
        "namespace": "flyte",
    }


def _aws(env: Mapping[str, str]) -> dict[str, str]:
    """Keys under the names that pandas' readers know, which the SDK leaves to them (``storage/_storage.py``)."""
    names = {
        "FLYTE_AWS_ENDPOINT": "AWS_ENDPOINT_URL",
        "FLYTE_AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
        "FLYTE_AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
    }
    found = {theirs: env[ours] for ours, theirs in names.items() if ours in env}
    return {**found, "AWS_REGION": "us-east-1"} if found else {}
