"""`AsyncConnector` and `SyncConnector`: what a team writes to run Flyte tasks elsewhere.

Methods may be plain or ``async def``. They are called with keywords; beyond the ones named here, a method gets what it declares
(``output_prefix`` of ``get``, secrets and settings of a Flyte 2 connection), all of it with ``**kwargs``. A connector keeps no
state between calls: Flyte may ask another process next, so everything goes into the `ResourceMeta`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ..model.errors import InvalidRequest
from .public import public
from .values import ResourceMeta, TaskCategory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from .execution import TaskExecutionMetadata
    from .task import TaskTemplate
    from .values import Resource

__all__ = ["AsyncConnector", "Connector", "SyncConnector"]

M = TypeVar("M", bound=ResourceMeta)


class Connector(ABC):
    """Runs tasks of one category. Its attributes may be set on the class, or given when it is made.

    Args:
        task_type_name: Task type, as in the task's template.
        task_type_version: Version of the task type, default 0.
        name: For people and for metrics; connectors of one name are one in Flyte's list. Default: from the class's name.

    Raises:
        InvalidRequest: No task type was named.
    """

    name: str = ""
    task_type_name: str = ""
    task_type_version: int = 0
    is_sync: ClassVar[bool]

    def __init__(
        self, *, task_type_name: str | None = None, task_type_version: int | None = None, name: str | None = None
    ) -> None:
        if task_type_name is not None:
            self.task_type_name = task_type_name
        if task_type_version is not None:
            self.task_type_version = task_type_version
        if name or not self.name:
            self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(self).__name__)

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Gives back what it holds, connections for one. The service calls it when it stops; a connector may be used again."""

    @property
    def task_category(self) -> TaskCategory:
        """Which tasks it runs.

        Raises:
            InvalidRequest: It names no task type.
        """
        if not self.task_type_name:
            raise InvalidRequest(
                f"connector {type(self).__qualname__}: names no task type; set task_type_name on the class, or give it to "
                "__init__"
            )
        return TaskCategory(self.task_type_name, self.task_type_version)


@public
class AsyncConnector(Connector, Generic[M]):
    """A connector whose jobs take long: Flyte creates one, asks for it until it ends, and deletes it when nobody wants it.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Job(ResourceMeta):
        ...     job_id: str
        >>> class Warehouse(AsyncConnector[Job]):
        ...     task_type_name = "warehouse_query"
        ...     metadata_type = Job
        ...     def create(self, task_template, output_prefix, inputs, task_execution_metadata, **_):
        ...         return Job("a1")
        ...     def get(self, resource_meta, **_):
        ...         return Resource("done", outputs={"rows": 3})
        ...     def delete(self, resource_meta, **_):
        ...         pass
        >>> Warehouse().task_category
        TaskCategory(name='warehouse_query', version=0)
    """

    is_sync: ClassVar[bool] = False
    metadata_type: type[M]
    """The class of what `create` returns."""

    def __init__(
        self,
        *,
        task_type_name: str | None = None,
        task_type_version: int | None = None,
        metadata_type: type[M] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(task_type_name=task_type_name, task_type_version=task_type_version, name=name)
        if metadata_type is not None:
            self.metadata_type = metadata_type
        given = getattr(self, "metadata_type", None)
        if not (isinstance(given, type) and callable(getattr(given, "decode", None))):
            raise InvalidRequest(
                f"connector {self.name!r}: metadata_type must be the class of what create returns, a ResourceMeta; got {given!r}"
            )

    @abstractmethod
    def create(
        self,
        task_template: TaskTemplate,
        output_prefix: str,
        inputs: Mapping[str, Any],
        task_execution_metadata: TaskExecutionMetadata,
        **kwargs: Any,
    ) -> M | Awaitable[M]:
        """Starts the job, or finds the one that an earlier call with the same ``task_execution_id`` started: see `create_once`.

        Args:
            task_template: The task.
            output_prefix: URI below which Flyte looks for ``outputs.pb``, if `get` returns no outputs.
            inputs: Name -> value, a `TaskInputs`.
            task_execution_metadata: Whose task it is.
            **kwargs: Secrets and settings of a Flyte 2 connection.

        Returns:
            What `get` and `delete` find the job by.
        """

    @abstractmethod
    def get(self, resource_meta: M, **kwargs: Any) -> Resource | Awaitable[Resource]:
        """The state of the job. An exception means "could not ask": Flyte asks again, and gives up after some times."""

    @abstractmethod
    def delete(self, resource_meta: M, **kwargs: Any) -> Any:
        """Stops the job. A job that has ended or is gone is no error; one that could not be stopped is."""

    def get_metrics(self, resource_meta: M, **kwargs: Any) -> Any:
        """Metrics of the job: name -> plain data; or flyteidl's ``GetTaskMetricsResponse``.

        Gets what it declares of ``queries``, ``start_time``, ``end_time``, ``step``.
        """
        raise NotImplementedError(f"connector {self.name!r} gives no metrics")

    def get_logs(self, resource_meta: M, **kwargs: Any) -> Any:
        """Lines of the job's log: texts, `LogLine` and `LogToken`, as a list, a generator or an async generator.

        Gets what it declares of ``lines`` (how many at most, 0 for all) and ``token``.
        """
        raise NotImplementedError(f"connector {self.name!r} gives no logs")


@public
class SyncConnector(Connector):
    """A connector whose tasks are done within one call: a question to a service, some rows of metadata.

    FlytePropeller waits 10 s for the answer (``defaultConnector.timeouts``); longer work is an `AsyncConnector`'s.
    """

    is_sync: ClassVar[bool] = True

    @abstractmethod
    def do(
        self, task_template: TaskTemplate, output_prefix: str, inputs: Mapping[str, Any], **kwargs: Any
    ) -> Resource | Awaitable[Resource]:
        """Does it.

        Args:
            task_template: The task.
            output_prefix: URI below which files may go.
            inputs: Name -> value, a `TaskInputs`.
            **kwargs: ``task_execution_metadata`` among them.

        Returns:
            How it ended; a phase that is not terminal is an error.
        """
