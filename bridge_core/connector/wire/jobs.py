"""The calls about jobs, which both Flytes have by the same names and fields: only their messages are of other packages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

from ...model.errors import BridgeError, InvalidRequest
from ..answers import custom_struct
from ..dispatcher import Refusal
from ..values import LogToken, TaskCategory
from .common import metric_pairs, pages, refuse, refusing

if TYPE_CHECKING:
    from ..dispatcher import Answer, Dispatcher

__all__ = ["Jobs", "category_of"]


class Jobs(ABC):
    """A servicer but for CreateTask, whose request differs."""

    messages: ClassVar[Any]
    """The module of the service's messages."""
    metrics: ClassVar[Any]
    """The module of ``ExecutionMetricResult``."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @refusing
    async def GetTask(self, request: Any) -> Any:
        more = {**self.connection(request), "output_prefix": getattr(request, "output_prefix", "")}
        answer = await self._dispatcher.get(self.category(request), request.resource_meta, more)
        return self.messages.GetTaskResponse(resource=self.resource(answer))

    @refusing
    async def DeleteTask(self, request: Any) -> Any:
        await self._dispatcher.delete(self.category(request), request.resource_meta, self.connection(request))
        return self.messages.DeleteTaskResponse()

    @refusing
    async def GetTaskMetrics(self, request: Any) -> Any:
        more = {
            "queries": tuple(request.queries),
            "start_time": request.start_time,
            "end_time": request.end_time,
            "step": request.step,
        }
        given = await self._dispatcher.metrics(self.category(request), request.resource_meta, more)
        if isinstance(given, self.messages.GetTaskMetricsResponse):
            return given
        results = [
            self.metrics.ExecutionMetricResult(metric=name, data=custom_struct(data))
            for name, data in metric_pairs(given)
        ]
        return self.messages.GetTaskMetricsResponse(results=results)

    async def GetTaskLogs(self, request: Any, context: Any) -> AsyncIterator[Any]:
        response = self.messages.GetTaskLogsResponse
        try:
            more = {"lines": request.lines, "token": request.token}
            async for page in pages(self._dispatcher.logs(self.category(request), request.resource_meta, more)):
                if isinstance(page, LogToken):
                    yield response(header=self.messages.GetTaskLogsResponseHeader(token=page.token))
                elif isinstance(page, list):
                    yield response(body=self.body(page))
                elif isinstance(page, response):
                    yield page
                else:
                    raise InvalidRequest(f"get_logs: wanted lines, got a {page.DESCRIPTOR.full_name}")
        except (Refusal, BridgeError) as error:
            await refuse(context, error)

    @abstractmethod
    def category(self, request: Any) -> TaskCategory:
        """Whose task it is.

        Raises:
            InvalidRequest: The request does not say.
        """

    def connection(self, request: Any) -> dict[str, Any]:  # noqa: ARG002 - Flyte 1 has none
        """Secrets and settings that came with the call, as keywords."""
        return {}

    @abstractmethod
    def resource(self, answer: Answer) -> Any:
        """What became of the job."""

    @abstractmethod
    def body(self, lines: list[Any]) -> Any:
        """Lines of a log."""


def category_of(name: str, version: int) -> TaskCategory:
    """What a request names.

    Raises:
        InvalidRequest: Nothing.
    """
    if not name:
        raise InvalidRequest("the request names no task_category, and connectors are chosen by it")
    return TaskCategory(name, version)
