"""`run_connector_task`: one task through its connector, in this process, without Flyte: to try a connector out.

As Flyte does it: create, ask until the job ends, delete when somebody stops us or time is up; and values go through the
types that the task declares, so that what works here works there.
"""

from __future__ import annotations

import dataclasses
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..model.durations import seconds
from ..model.errors import LiteralError, NotFound, Unavailable
from ..model.runs import RunAborted, RunFailed, RunTimedOut
from .execution import TaskExecutionMetadata
from .invoke import call, template_of_task
from .phases import TaskPhase
from .public import public
from .registry import ConnectorRegistry
from .task import render_task_template

if TYPE_CHECKING:
    from types import FrameType

    from ..model.connector_tasks import ConnectorTask
    from .base import Connector
    from .progress import Progress
    from .task import TaskTemplate
    from .values import Resource

__all__ = ["run_connector_task"]

_MISSES = 5  # looks in a row that may fail before the job is given up: Flyte's own number
_KILLED = 128  # what a shell adds to the number of a signal


@public
def run_connector_task(
    task: ConnectorTask | TaskTemplate | Any,
    inputs: Mapping[str, Any] | None = None,
    *,
    connector: Connector | None = None,
    registry: ConnectorRegistry | None = None,
    output_prefix: str | None = None,
    task_execution_metadata: TaskExecutionMetadata | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float = 1.0,
    progress: bool = True,
) -> dict[str, Any]:
    """Runs a task by its connector and waits for it.

    In the main thread, SIGINT and SIGTERM have the job deleted before they end the program; a second one ends it at once.

    Args:
        task: A `ConnectorTask`, a `TaskTemplate`, or flyteidl's message of one.
        inputs: Name -> value.
        connector: Who runs it. None: whom the registry has for its type and version.
        registry: None: the one of this process.
        output_prefix: URI below which the job may write ``outputs.pb``. None: a temporary folder.
        task_execution_metadata: Whose task it is. None: a new run with a random name, so that every call makes a new job.
        timeout: Seconds until the job is deleted. None: the task's own.
        poll_interval: Seconds between looks at the job.
        progress: Whether phases and log links go to stderr: live on a terminal (with rich), as lines elsewhere.

    Returns:
        Output name -> value, decoded by the declared types.

    Raises:
        ConnectorNotFound: Nobody runs such tasks.
        LiteralError: Inputs or outputs do not fit the declared types.
        RunFailed: The job failed; `RunAborted`, `RunTimedOut` accordingly. The error has the last ``resource``.
        NotFound: The job succeeded, gave no outputs, and wrote none.
        Unavailable: The job could not be created, or not asked for six times in a row; as far as is known it goes on.
    """
    from .answers import literals_of
    from .conversion import inputs_of

    template = template_of_task(task)
    registry = registry if registry is not None else ConnectorRegistry.default()
    if connector is None:
        connector = registry.get_connector(template.type, template.task_type_version)
    given = dict(inputs or {})
    _check(template, given)
    literals = literals_of(given, template.inputs, what="inputs")
    if output_prefix is None:
        output_prefix = tempfile.mkdtemp(prefix="flyte-bridge-connector-")
    if template.container is not None:
        _write(f"{output_prefix}/inputs.pb", literals.SerializeToString())
        template = render_task_template(template, output_prefix)
    metadata = task_execution_metadata or TaskExecutionMetadata.of("local", "local", f"l{secrets.token_hex(8)}")
    arguments = {
        "task_template": template,
        "output_prefix": output_prefix,
        "inputs": inputs_of(literals, template.inputs),
        "task_execution_metadata": metadata,
    }
    limit = seconds(timeout, "run_connector_task: timeout", positive=True)
    job = _Job(connector, template, limit if limit is not None else template.timeout, poll_interval)
    from .progress import Progress

    with Progress(f"{template.type} {template.name}", shown=progress) as shown:
        resource = job.run(arguments, shown)
    return _outputs(template, resource, output_prefix)


class _Job:
    """One job, from its creation to its end."""

    def __init__(self, connector: Any, template: TaskTemplate, timeout: float | None, pause: float) -> None:
        self._connector = connector
        self._template = template
        self._timeout = timeout
        self._pause = pause
        self._stopped = threading.Event()
        self._signal: int = 0

    def run(self, arguments: Mapping[str, Any], progress: Progress) -> Resource:
        """Runs it; what it raises is what the signal, or the job, means."""
        connector = self._connector
        if connector.is_sync:
            done: Resource = call(connector.do, arguments)
            progress.show(done)
            return _succeeded(self._template, done)
        with self._signals():
            meta = call(connector.create, arguments)
            meta = connector.metadata_type.decode(meta.encode())  # as Flyte would give it back
            end = None if self._timeout is None else time.monotonic() + self._timeout
            resource: Resource | None = None
            misses = 0
            while True:
                if self._signal:
                    call(connector.delete, {"resource_meta": meta})
                    break
                try:
                    resource = call(connector.get, {"resource_meta": meta, "output_prefix": arguments["output_prefix"]})
                except Unavailable:  # could not ask: the job goes on
                    misses += 1
                    if misses > _MISSES:
                        raise
                else:
                    misses = 0
                    progress.show(resource)
                    if resource.phase.is_terminal:
                        return _succeeded(self._template, resource)
                if end is not None and time.monotonic() >= end:
                    call(connector.delete, {"resource_meta": meta})
                    phase = "not known to have ended" if resource is None else f"still {resource.phase.name}"
                    raise RunTimedOut(
                        f"{self._template.type} task {self._template.name}: {phase} after {self._timeout:g} s, and was deleted",
                        resource=resource,
                    )
                self._stopped.wait(self._pause if end is None else min(self._pause, max(0.0, end - time.monotonic())))
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(_KILLED + self._signal)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, _: FrameType | None) -> None:
            self._signal = int(number)
            self._stopped.set()
            signal.signal(number, before[number] if callable(before[number]) else signal.SIG_DFL)

        before: dict[int, Any] = {}
        try:
            for number in (int(signal.SIGINT), int(signal.SIGTERM)):
                before[number] = signal.getsignal(number)
                signal.signal(number, stop)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check(template: TaskTemplate, given: Mapping[str, Any]) -> None:
    problems = [f"inputs.{name}: missing" for name in sorted(template.inputs) if name not in given]
    problems += [
        f"inputs.{name}: unknown input; known inputs: {', '.join(sorted(template.inputs)) or 'none'}"
        for name in given
        if name not in template.inputs
    ]
    if problems:
        raise LiteralError(
            f"{template.type} task {template.name}: inputs do not fit: {'; '.join(problems)}", problems=tuple(problems)
        )


def _succeeded(template: TaskTemplate, resource: Resource) -> Resource:
    if resource.phase is TaskPhase.SUCCEEDED:
        return resource
    kind = RunAborted if resource.phase is TaskPhase.ABORTED else RunFailed
    links = ", ".join(f"{log.name}: {log.uri}" for log in resource.log_links or ())
    raise kind(
        f"{template.type} task {template.name} {resource.phase.name}: {resource.message or 'no message'}"
        + (f". {links}" if links else ""),
        resource=resource,
    )


def _outputs(template: TaskTemplate, resource: Resource, output_prefix: str) -> dict[str, Any]:
    from ..literals.codec import Codec
    from .answers import outputs_of

    literals = outputs_of(dataclasses.replace(resource), template.outputs)
    if literals is None:
        if not template.outputs:
            return {}
        literals = _written(f"{output_prefix}/outputs.pb")
    return Codec.default().decode_map(literals, template.outputs)


def _written(uri: str) -> Any:
    from flyteidl.core import literals_pb2
    from google.protobuf.message import DecodeError

    from ..config import Config
    from ..storage.store import Store

    try:
        with Store(Config.auto()).open(uri) as stream:
            return literals_pb2.LiteralMap.FromString(stream.read())
    except NotFound:
        raise NotFound(
            f"the job succeeded, gave no outputs though the task declares some, and wrote none: {uri} is not there"
        ) from None
    except DecodeError:
        raise LiteralError(f"{uri} holds no outputs of Flyte") from None


def _write(uri: str, data: bytes) -> None:
    from ..config import Config
    from ..storage.store import Store

    with Store(Config.auto()).open(uri, "wb") as stream:
        stream.write(data)
