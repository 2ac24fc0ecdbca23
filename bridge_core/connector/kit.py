"""`check_connector`: the rules that every connector must keep, tried on a real one and the service it talks to."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError
from .answers import literals_of, outputs_of
from .conversion import inputs_of
from .execution import TaskExecutionMetadata
from .invoke import call, template_of_task
from .phases import TaskPhase
from .public import public
from .values import Resource

if TYPE_CHECKING:
    from ..model.connector_tasks import ConnectorTask
    from .base import AsyncConnector
    from .task import TaskTemplate

__all__ = ["check_connector"]


@public
def check_connector(
    connector: AsyncConnector[Any],
    task: ConnectorTask | TaskTemplate | Any,
    inputs: Mapping[str, Any] | None = None,
    *,
    count: Callable[[], int],
    finish: Callable[[Any], object] | None = None,
    unknown: Any = None,
    timeout: float = 60.0,
    poll_interval: float = 0.2,
) -> None:
    """Has a connector create, find and delete real jobs, and says everything that is wrong with it.

    What is checked: the same create twice, one after the other and two at once, makes one job; another attempt after the end of
    the first makes another; what `create` returns survives encoding; an ended job stays ended; outputs fit what the task
    declares; a running job can be deleted, twice, and has then ended; deleting one that is gone is no error, and asking for it is
    one (it must not look like a job that failed or goes on).

    Args:
        connector: An instance.
        task: A task whose job succeeds.
        inputs: Name -> value.
        count: How many jobs there are at the other end, ever: it is asked for differences.
        finish: Lets a job end, given its meta. None: it ends by itself, and takes long enough to be deleted before.
        unknown: A meta of a job that is not there. None: not checked.
        timeout: Seconds a job may take.
        poll_interval: Seconds between looks.

    Raises:
        AssertionError: One for everything that was found.
    """
    checks = _Checks(connector, task, inputs or {}, count, finish=finish, timeout=timeout, pause=poll_interval)
    checks.created_once()
    checks.deleted()
    if unknown is not None:
        checks.unknown(unknown)
    assert not checks.problems, f"connector {connector.name!r}: " + "; ".join(checks.problems)


class _Checks:
    def __init__(
        self,
        connector: Any,
        task: Any,
        inputs: Mapping[str, Any],
        count: Callable[[], int],
        *,
        finish: Callable[[Any], object] | None,
        timeout: float,
        pause: float,
    ) -> None:
        self._connector = connector
        self._template = template_of_task(task)
        self._literals = literals_of(dict(inputs), self._template.inputs, what="inputs")
        self._count = count
        self._finish = finish
        self._timeout = timeout
        self._pause = pause
        self.problems: list[str] = []

    def created_once(self) -> None:
        """Creates the same job again and again, and lets it end."""
        before = self._count()
        name = f"k{secrets.token_hex(8)}"
        whose = TaskExecutionMetadata.of("kit", "development", name)
        metas: list[Any] = []
        errors: list[BaseException] = []

        def create() -> None:
            try:
                metas.append(self._create(whose))
            except Exception as error:  # noqa: BLE001 - told below, as a finding
                errors.append(error)

        threads = [threading.Thread(target=create) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._note(not errors, f"two creates of one task at once: {errors}")
        meta = self._create(whose)
        made = self._count() - before
        self._note(made == 1, f"three creates of one task made {made} jobs; wanted 1")
        self._note(all(one == meta for one in metas), f"creates of one task gave different metas: {[*metas, meta]}")
        resource = self._ended(meta)
        self._note(
            resource.phase is TaskPhase.SUCCEEDED,
            f"the job ended {resource.phase.name}: {resource.message}; wanted SUCCEEDED",
        )
        try:
            outputs_of(resource, self._template.outputs)
        except BridgeError as error:
            self.problems.append(error.message)
        again = self._get(meta)
        self._note(
            (again.phase, again.outputs) == (resource.phase, resource.outputs),
            f"an ended job does not stay as it was: {resource.phase.name}, then {again.phase.name}",
        )
        self._create(whose)
        made = self._count() - before
        self._note(made == 1, f"a create after the end of its job made another: {made} jobs; wanted 1")
        next_attempt = TaskExecutionMetadata.of("kit", "development", name, retry_attempt=1)
        self._ended(self._create(next_attempt))
        made = self._count() - before
        self._note(made == 2, f"another attempt, after the first had ended, made {made - 1} jobs; wanted 1")  # noqa: PLR2004
        self._delete(meta, "a job that has ended")

    def deleted(self) -> None:
        """Deletes a job that goes on, twice."""
        meta = self._create(TaskExecutionMetadata.of("kit", "development", f"k{secrets.token_hex(8)}"))
        self._delete(meta, "a job that goes on")
        end = time.monotonic() + self._timeout
        resource = self._get(meta)
        while not resource.phase.is_terminal and time.monotonic() < end:
            time.sleep(self._pause)
            resource = self._get(meta)
        self._note(
            resource.phase.is_terminal and resource.phase is not TaskPhase.SUCCEEDED,
            f"a job that was deleted is {resource.phase.name}; wanted ABORTED or FAILED",
        )
        self._delete(meta, "a job that was deleted before")

    def unknown(self, meta: Any) -> None:
        """Asks for a job that is not there."""
        self._delete(meta, "a job that is not there")
        try:
            resource = self._get(meta)
        except BridgeError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self.problems.append(f"get of a job that is not there raised {error!r}; wanted JobNotFound")
            return
        self.problems.append(f"get of a job that is not there answered {resource.phase.name}; wanted JobNotFound")

    def _create(self, whose: TaskExecutionMetadata) -> Any:
        arguments = {
            "task_template": self._template,
            "output_prefix": "",
            "inputs": inputs_of(self._literals, self._template.inputs),
            "task_execution_metadata": whose,
        }
        meta = call(self._connector.create, arguments)
        back = self._connector.metadata_type.decode(meta.encode())
        self._note(back == meta, f"a meta does not survive encoding: {meta} became {back}")
        return back

    def _get(self, meta: Any) -> Resource:
        resource = call(self._connector.get, {"resource_meta": meta})
        assert isinstance(resource, Resource), f"get answered {resource!r}; wanted a Resource"
        return resource

    def _delete(self, meta: Any, what: str) -> None:
        end = time.monotonic() + self._timeout
        while True:
            try:
                call(self._connector.delete, {"resource_meta": meta})
            except Exception as error:  # noqa: BLE001 - told as a finding
                if getattr(error, "transient", False) and time.monotonic() < end:
                    time.sleep(self._pause)  # as Flyte does: it asks until the job is gone
                    continue
                self.problems.append(f"delete of {what} raised {error!r}")
            return

    def _ended(self, meta: Any) -> Resource:
        if self._finish is not None:
            self._finish(meta)
        end = time.monotonic() + self._timeout
        while not (resource := self._get(meta)).phase.is_terminal:
            assert time.monotonic() < end, f"the job is {resource.phase.name} after {self._timeout:g} s"
            time.sleep(self._pause)
        return resource

    def _note(self, well: bool, problem: str) -> None:
        if not well:
            self.problems.append(problem)
