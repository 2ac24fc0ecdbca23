"""Every verb, written once as ``async def``; awaits nothing but the backend and the transport."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..calls import Calls
from ..model.arguments import texts
from ..model.text_forms import page_of, run_of, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..backends.base import Backend
    from ..config import Config
    from ..literals import Codec
    from ..model.capabilities import Capabilities
    from ..model.ids import EntityRef, RunRef
    from ..transport.base import Transport
    from .batches import BatchOperations
    from .data import DataOperations
    from .entities import EntityOperations
    from .explain import ExplainOperations
    from .files import FileOperations
    from .interfaces import InterfaceOperations
    from .launch import LaunchOperations
    from .logs import LogOperations
    from .nodes import NodeOperations
    from .plan import PlanOperations
    from .register import RegisterOperations
    from .relaunch import AgainOperations
    from .run_values import StoredOperations
    from .runs import RunOperations
    from .spans import SpanOperations
    from .triggers import TriggerOperations

__all__ = ["Operations"]


class Operations:
    """The verbs of one client, grouped as the files of this folder are; a group is imported when it is used first."""

    def __init__(self, transport: Transport, config: Config, codec: Codec | None = None) -> None:
        from ..backends.undetected import backend_for

        self._transport = transport
        self._config = config
        self._codec = codec
        self.backend: Backend = backend_for(Calls(transport, config), config)

    def run(self, ref: RunRef | str) -> RunRef:
        """The run that is meant; see `run_of`."""
        return run_of(ref, self._config)

    def run_list(self, refs: Iterable[RunRef | str]) -> list[RunRef]:
        """The runs that are meant; see `runs_of`."""
        return runs_of(refs, self._config)

    async def capabilities(self) -> Capabilities:
        """What the Flyte there can do."""
        await self.backend.ready()
        return self.backend.capabilities

    async def domains(self, project: str | None) -> list[str]:
        """Ids of domains: of a project, or of the installation."""
        texts(project=project)
        return await self.backend.projects.domains(project)

    def console_url(self, ref: RunRef | EntityRef | str) -> str:
        """The page of a run or entity."""
        return self.backend.console_url(page_of(ref, self._config))

    @cached_property
    def files(self) -> FileOperations:
        """Files, up and down."""
        from .files import FileOperations

        return FileOperations(self.backend, self._transport, self._config)

    @cached_property
    def data(self) -> DataOperations:
        """Values."""
        from .data import DataOperations

        # Files on use: plain values need none.
        return DataOperations(self.backend, self._transport, lambda: self.files, self._codec)

    @cached_property
    def stored(self) -> StoredOperations:
        """Values that are stored."""
        from .run_values import StoredOperations

        return StoredOperations(self.backend, self.data)

    @cached_property
    def runs(self) -> RunOperations:
        """Runs that exist."""
        from .runs import RunOperations

        return RunOperations(self.backend, self._transport, self._config)

    @cached_property
    def launch(self) -> LaunchOperations:
        """New runs."""
        from .launch import LaunchOperations

        return LaunchOperations(self.backend, self._transport, self._config, self.data, lambda: self.registration)

    @cached_property
    def interfaces(self) -> InterfaceOperations:
        """Interfaces of many entities."""
        from .interfaces import InterfaceOperations

        return InterfaceOperations(self.backend, self._transport, self._config)

    @cached_property
    def planning(self) -> PlanOperations:
        """What launches would do."""
        from .plan import PlanOperations

        return PlanOperations(self.backend, self._config, self.data, self.launch)

    @cached_property
    def batches(self) -> BatchOperations:
        """Many runs as one stream."""
        from .batches import BatchOperations

        return BatchOperations(self.backend, self._transport, self._config, self.launch)

    @cached_property
    def entities(self) -> EntityOperations:
        """What is registered."""
        from .entities import EntityOperations

        return EntityOperations(self.backend, self._config, self.data)

    @cached_property
    def again(self) -> AgainOperations:
        """Runs made from runs."""
        from .relaunch import AgainOperations

        return AgainOperations(self.backend, self._transport)

    @cached_property
    def explaining(self) -> ExplainOperations:
        """Why runs ended badly."""
        from .explain import ExplainOperations

        return ExplainOperations(self.backend, self._config, self.data)

    @cached_property
    def logs(self) -> LogOperations:
        """Log links."""
        from .logs import LogOperations

        return LogOperations(self.backend)

    @cached_property
    def nodes(self) -> NodeOperations:
        """The inside of runs."""
        from .nodes import NodeOperations

        return NodeOperations(self.backend, self._transport, self._config, self.data)

    @cached_property
    def spans(self) -> SpanOperations:
        """Runs as traces."""
        from .spans import SpanOperations

        return SpanOperations(self.backend, self._config, self.nodes)

    @cached_property
    def registration(self) -> RegisterOperations:
        """Tasks, workflows and launch plans, registered."""
        from .register import RegisterOperations

        return RegisterOperations(self.backend, self._transport, self._config, self.files, self.data, self.entities)

    @cached_property
    def triggers(self) -> TriggerOperations:
        """Triggers and activation."""
        from .triggers import TriggerOperations

        return TriggerOperations(self.backend, self._config, self.data)
