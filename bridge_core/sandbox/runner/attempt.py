"""One attempt of one task, from its inputs on disk to its result.

Contract between flytepropeller and a container (flyteplugins ``pluginmachinery/ioutils``, ``flytek8s``): inputs.pb is there,
the process writes error.pb, futures.pb or outputs.pb below its output prefix, and these are looked at in that order; the exit
code is only a fallback, because pyflyte-execute exits 0 on user errors.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from flyteidl.core import execution_pb2

from ..model.outcome import CANCELLED, Failure
from .command import command_of, flattened
from .copilot import OUTPUTS, prepare, upload
from .outcome_files import failure_in, outcome_in
from .paths import AttemptPaths
from .pod_failure import PodEnd, failure_of, vanished
from .template import fill
from .workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..controls.task_kills import TaskKill
    from .context import RunnerContext
    from .fork import ForkedProcess
    from .order import AttemptOrder, AttemptResult
    from .process import TaskProcess

__all__ = ["TaskAttempt"]

_log = logging.getLogger(__name__)
_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_LOG_TAIL = 2000


class TaskAttempt:
    """A job of the pool.

    Args:
        context: What all attempts share.
        order: What to run.
        started: Called on the pool's thread when the process has started.
        report: Called there once with how it ended.
    """

    def __init__(
        self,
        context: RunnerContext,
        order: AttemptOrder,
        *,
        started: Callable[[], None],
        report: Callable[[AttemptResult], None],
    ) -> None:
        self.counted = not order.task.metadata.is_eager
        self._started = started
        self._context = context
        self._order = order
        self._report = report
        self._lock = threading.Lock()
        self._process: TaskProcess | ForkedProcess | None = None
        self._image = context.images.of(order.execution.project)
        self._stopped = False
        self._paths = AttemptPaths(context.layout, order)
        self.log = self._paths.output / "task.log"

    def run(self) -> None:
        """Runs the attempt and reports how it ended."""
        try:
            result = self._run()
        except Failure as failure:
            result = failure
        except OSError as error:
            result = Failure("SandboxError", f"cannot run the task: {error}", kind=_SYSTEM, recoverable=True)
        except Exception as error:  # noqa: BLE001
            # The boundary of the thread: an attempt that never reports would leave its run hanging.
            _log.exception("attempt %s failed in the sandbox", self._paths.output)
            result = Failure("SandboxError", f"the sandbox failed to run the task: {error!r}", kind=_SYSTEM)
        self._report(CANCELLED if self._stopped else result)

    def dropped(self) -> None:
        """It was cancelled before it began."""
        self._report(CANCELLED)

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

    def _run(self) -> AttemptResult:
        order, layout = self._order, self._context.layout
        self._paths.prepare()
        command = flattened(command_of(order.task, self._context.images), self._image.python.parent)
        argv = fill(command.argv, self._paths.template_values(), order.values, layout.local)
        own = command.env
        with workspace(layout) as folders:
            work = folders.work
            if command.distribution is not None:
                self._context.code.place(layout.local(command.distribution), work)
            if command.data is not None:
                argv, own = prepare(command, argv, work, order.inputs, layout.local)
            code_folder = work if command.distribution is not None else None
            env = self._environment(own, code_folder, command.paths(own, code_folder), folders.temporary)
            with self._lock:
                if self._stopped:
                    return CANCELLED
                self._process = self._context.starter.start(
                    argv,
                    python=self._image.python,
                    cwd=work,
                    env=env,
                    log=self.log,
                    own=[*command.env, *order.env],
                )
            self._started()
            kill = self._context.kills.take(order.execution.name, order.path.partition("/")[0], order.task.id.name)
            # A planned death comes in time, or with the end of the process.
            code = self._process.wait(None if kill is None else kill.after)
            if command.data is not None and code == 0 and kill is None:
                variables = order.task.interface.outputs.variables
                outputs = upload(work / OUTPUTS, variables, layout.raw(order.pod), layout)
                layout.write(self._paths.output / "outputs.pb", outputs.SerializeToString(deterministic=True))
        if kill is not None:
            return self._killed(kill)
        return self._result(_exit_code(code or 0, wrapped=command.distribution is not None))

    def _environment(
        self, container: dict[str, str], code: Path | None, paths: Sequence[str], temporary: Path
    ) -> dict[str, str]:
        order, context = self._order, self._context
        execution, task = order.execution, order.task.id
        env = {**context.secrets.environment(order.task, os.environ), "TMPDIR": str(temporary), **container}
        path = [str(code)] if code is not None else []
        path += [*map(str, self._image.pythonpath), *paths]
        env |= {
            "PATH": os.pathsep.join([str(self._image.python.parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
            "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
            "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
            "FLYTE_INTERNAL_EXECUTION_WORKFLOW": order.workflow,
            "FLYTE_INTERNAL_TASK_PROJECT": task.project,
            "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
            "FLYTE_INTERNAL_TASK_NAME": task.name,
            "FLYTE_INTERNAL_TASK_VERSION": task.version,
            "FLYTE_ATTEMPT_NUMBER": str(order.attempt),
            **({"FLYTE_PLATFORM_URL": context.endpoint, "FLYTE_PLATFORM_INSECURE": "true"} if context.endpoint else {}),
            **context.env,
            **order.env,
        }
        if not env["PYTHONPATH"]:
            del env["PYTHONPATH"]
        # Compiling all of flytekit anew for every task doubles its time; bytecode next to the sources is what users have.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env

    def _result(self, code: int) -> AttemptResult:
        failure = failure_in(self._paths.output)
        if failure is not None:
            return failure
        if code != 0:
            return failure_of(self._order.pod, PodEnd(code), self._log_tail())
        return outcome_in(self._paths, "Outputs not generated by task execution")

    def _killed(self, kill: TaskKill) -> AttemptResult:
        run, pod = self._order.execution, self._order.pod
        if kill.kind == "deletion":
            return vanished(f"{run.project}-{run.domain}", pod)
        ends = {
            "oom": PodEnd(137, container_reason="OOMKilled"),
            "eviction": PodEnd(137, pod_reason="Evicted", pod_message="The node was low on resource: memory."),
            "shutdown": PodEnd(
                143,
                pod_reason="Terminated",
                pod_message="Pod was terminated in response to imminent node shutdown.",
            ),
        }
        return failure_of(pod, ends.get(kill.kind, PodEnd(kill.exit_code)), self._log_tail())

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-_LOG_TAIL:] if self.log.exists() else "(no log)"


def _exit_code(code: int, *, wrapped: bool) -> int:
    """As a kubelet sees it: of a process that a signal ended 128 + N, through ``pyflyte-fast-execute`` 256 - N."""
    if code >= 0:
        return code
    return 256 + code if wrapped else 128 - code
