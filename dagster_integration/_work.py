"""What a step runs in Flyte, as its author wrote it: the same for an asset, several assets of one run, and an op."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import dagster as dg

from bridge_core import BridgeError, EntityRef, InvalidRequest, LaunchRequest, RunOptions, seconds

from ._compat import name_of_step
from ._failures import error_classes, failure_of_error
from ._launch import run_to_end
from ._step import How
from .resource import FlyteResource
from .results import Shown

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import Client, ErrorClass

    from ._compat import StepContext
    from ._partition_inputs import PartitionInputs
    from ._step import Outcome

__all__ = ["OnReexecute", "Options", "OptionsOf", "Work", "client_of", "flyte_of"]

Options = RunOptions | Mapping[str, Any]
OptionsOf = Callable[[Any], Options]
OnReexecute = Literal["fresh", "relaunch", "recover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run of an entity for each execution of a step. Settings are those of `build_flyte_assets`.

    Raises:
        InvalidRequest: A setting cannot be read; found while definitions load, not after something was launched.
    """

    entity: EntityRef
    resource_key: str = "flyte"
    options: Options | OptionsOf | None = None
    timeout: float | timedelta | None = None
    poll_interval: float | timedelta | None = None
    retry_on: Collection[ErrorClass | str] | None = None
    on_reexecute: OnReexecute = "fresh"
    shown: Shown = field(default_factory=lambda: Shown(names=None))
    work: Callable[[Any], str | None] | None = None
    reads_outputs: bool = False
    """Whether outputs are needed for more than metadata."""
    nodes: tuple[str, ...] = ()
    """Whose outputs are needed, too."""
    partitions: PartitionInputs | None = None
    """Which inputs say which partitions a run makes."""
    trace_nodes: bool = False
    """Whether the run's nodes become spans."""
    register: Any = None
    """What brings the entity: a source, or a `RegisterRequest`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "retry_on", error_classes(self.retry_on))
        if not callable(self.options):
            object.__setattr__(self, "options", _options(self.options))
        if self.on_reexecute not in get_args(OnReexecute):
            modes = ", ".join(map(repr, get_args(OnReexecute)))
            raise InvalidRequest(f"on_reexecute: wanted one of {modes}, got {self.on_reexecute!r}")
        if self.register is not None:  # of a `LaunchRequest`, so that what a launch cannot register is refused here
            object.__setattr__(self, "register", LaunchRequest(self.entity, register=self.register).register)
        seconds(self.timeout, "timeout")
        seconds(self.poll_interval, "poll_interval", positive=True)

    def run(self, context: StepContext, inputs: Any) -> Outcome:
        """Launches or attaches, and waits; for a run that succeeded.

        Args:
            context: Of the step.
            inputs: What the author's function returned.

        Raises:
            Failure: The run ended badly, Flyte could not be asked, or what was asked for is impossible.
        """
        _, client = flyte_of(context, self.entity, self.resource_key)
        how, inputs = self.prepared(context, inputs)
        return run_to_end(context, client, self.entity, inputs, how)

    def prepared(self, context: StepContext, inputs: Any) -> tuple[How, Mapping[str, Any]]:
        """How the step runs it, and the inputs, checked. Raises `Failure`."""
        resource, client = flyte_of(context, self.entity, self.resource_key)
        return self.prepared_for(context, resource, client, inputs)

    def prepared_for(
        self, context: StepContext, resource: FlyteResource, client: Client, inputs: Any
    ) -> tuple[How, Mapping[str, Any]]:
        """The same on a resource that is at hand."""
        how = How(
            options=self._options_now(context),
            timeout=self.timeout,
            poll_interval=self.poll_interval,
            retry_on=self.retry_on,  # type: ignore[arg-type]  # names became classes
            on_reexecute=self.on_reexecute,
            shared=self.work(context) if self.work is not None else None,
            dagster_url=resource.dagster_url or "",
            reads_outputs=self.shown.any or self.reads_outputs,
            nodes=self.nodes,
            more_inputs=None if self.partitions is None else functools.partial(self.partitions.values, context),
            register=self.register,
            check_registration=resource.check_registration,
            trace_nodes=self.trace_nodes,
            metrics_in_event_log=bool(resource.metrics_in_event_log),
        )
        try:
            resource.check_allowed(self.entity.placed(client.config, settings="FlyteResource"), how.options)
        except BridgeError as error:
            raise failure_of_error(error, None) from None
        return how, self._inputs(inputs, context)

    def _options_now(self, context: StepContext) -> RunOptions:
        if isinstance(self.options, RunOptions):
            return self.options
        given = self.options(context)  # type: ignore[operator,misc]  # __post_init__ left functions only
        where = f"options of {name_of_step(context)}"
        if not isinstance(given, RunOptions | Mapping):
            raise dg.Failure(
                f"{where}: the function must return RunOptions or a mapping of its fields, got {type(given).__name__}",
                allow_retries=False,
            )
        try:
            return _options(given)
        except InvalidRequest as error:
            raise dg.Failure(f"{where}: {error}", allow_retries=False) from None

    def _inputs(self, given: Any, context: StepContext) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            raise dg.Failure(
                f"inputs of {self.entity} must be a mapping of input names to values; {name_of_step(context)} gave "
                f"{type(given).__name__}",
                allow_retries=False,
            )
        return given


def flyte_of(context: StepContext, entity: EntityRef, resource_key: str) -> tuple[FlyteResource, Client]:
    """The resource of a step, and its client.

    Raises:
        Failure: There is another thing under that key, or its settings are wrong.
    """
    resource = getattr(context.resources, resource_key)
    if not isinstance(resource, FlyteResource):
        raise dg.Failure(
            f"resource {resource_key!r} of {name_of_step(context)} ({entity}) must be a FlyteResource, got "
            f"{type(resource).__name__}; give Definitions(resources={{{resource_key!r}: FlyteResource(…)}})",
            allow_retries=False,
        )
    return resource, client_of(resource, f"resource {resource_key!r}")


def client_of(resource: FlyteResource, what: str) -> Client:
    """Its client. Raises `Failure`: its settings are wrong."""
    try:
        return resource.get_client()
    except BridgeError as error:
        raise failure_of_error(error.with_message(f"{what}: {error.message}"), None) from None


def _options(given: Options | None) -> RunOptions:
    if isinstance(given, RunOptions):
        return given
    return RunOptions.from_mapping(given) if given else RunOptions()
