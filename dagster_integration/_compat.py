"""What differs, or may come to differ, between Dagster releases: one place to look when Dagster moves on.

Everything here works on 1.11, 1.12 and 1.13 (``make test-dagster``); it is collected because it is outside Dagster's documented
API, or not on all of these lines.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from dagster import DagsterInstance

__all__ = [
    "EXECUTOR",
    "PipesDone",
    "Private",
    "StepContext",
    "assets_of",
    "check_history",
    "created_at",
    "engine_error",
    "installation_of",
    "is_being_cancelled",
    "job_steps",
    "kept_for_this_load",
    "name_of_step",
    "needs",
    "notes_of",
    "of_partition",
    "op_of",
    "partitions_at",
    "private",
    "refusal",
    "report",
    "resource_given",
    "resource_parameters",
    "step_key",
    "with_compute_logs",
]

if TYPE_CHECKING or hasattr(dg, "PipesClientCompletedInvocation"):
    PipesDone = dg.PipesClientCompletedInvocation
else:  # 1.11 returns it, and does not name it
    from dagster._core.pipes.client import PipesClientCompletedInvocation as PipesDone

StepContext = dg.AssetExecutionContext | dg.OpExecutionContext
"""Of an asset, several assets, or an op."""
_PAGE = 1000
_CANCELLED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def needs(what: str, name: str, since: str) -> None:
    """Holds a part of ours against this Dagster.

    Args:
        what: Ours.
        name: What Dagster must have.
        since: The first line that has it.

    Raises:
        ImportError: It does not.
    """
    if not hasattr(dg, name):
        raise ImportError(
            f"{what} needs Dagster {since} or newer, because of dagster.{name}; this is {dg.__version__}. All other names of "
            "dagster_integration work here"
        )


def assets_of(context: StepContext) -> str:
    """Keys of the assets that this step makes, as a text; empty for an op that makes none."""
    if not isinstance(context, dg.AssetExecutionContext):
        return ""
    return ", ".join(sorted(key.to_user_string() for key in context.selected_asset_keys))


def name_of_step(context: StepContext) -> str:
    """What messages call it: ``asset 'model'``, ``op 'train'``."""
    if isinstance(context, dg.AssetExecutionContext) and len(context.selected_asset_keys) == 1:
        return f"asset {assets_of(context)!r}"
    return f"op {context.op_def.name!r}"


def op_of(context: StepContext) -> dg.OpExecutionContext:
    """The op's context. Pipes reads names of it that an asset's context calls deprecated."""
    return context.op_execution_context if isinstance(context, dg.AssetExecutionContext) else context


def step_key(context: StepContext) -> str:
    """Key of the step that runs now, mapping key included.

    Raises:
        Failure: The asset function was called directly, outside a run: there is nothing to name a Flyte run after.
    """
    try:
        return op_of(context).get_step_execution_context().step.key
    except dg.DagsterError:  # DagsterInvalidPropertyError, which is not public
        raise dg.Failure(
            "a Flyte asset was called outside a Dagster run, so a Flyte run could not be named after it; in a test, use "
            "dagster.materialize([the_asset], resources={'flyte': FlyteResource(…)})",
            allow_retries=False,
        ) from None


def is_being_cancelled(instance: DagsterInstance, run_id: str) -> bool:
    """Whether somebody asked Dagster to stop this run (UI, API). A SIGTERM from elsewhere leaves the status STARTED.

    CANCELED counts too: "force termination" in the UI sets it at once and signals the worker afterwards.
    ``DagsterInstance.run_will_resume`` does not tell the two apart: it is configuration only (dagster#33923).
    """
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in _CANCELLED


def installation_of(instance: DagsterInstance) -> str:
    """What all processes of one Dagster share and no other has: the id of its run storage. Empty where storage has none."""
    give: Callable[[], str] | None = getattr(instance.run_storage, "get_run_storage_id", None)
    return give() if give is not None else ""


def created_at(instance: DagsterInstance, run_id: str) -> datetime | None:
    """When Dagster made the run; None when it does not know the run any more."""
    record = instance.get_run_record_by_id(run_id)
    return record.create_timestamp if record is not None else None


def report(
    instance: DagsterInstance, run: dg.DagsterRun, message: str, metadata: Mapping[str, dg.MetadataValue], step: str
) -> None:
    """Appends an event to the log of a run. Unlike run tags, which are read, changed and written back, events are only added:
    twenty steps that begin together keep all twenty.
    """
    from dagster._core.events import EngineEventData

    instance.report_engine_event(message, run, EngineEventData(metadata=metadata), step_key=step)


def engine_error(instance: DagsterInstance, run: dg.DagsterRun, step: str, error: Any) -> None:
    """Tells of an error that is nobody's but the framework's, or ours.

    Args:
        instance: Of this Dagster.
        run: The run.
        step: Whose it is.
        error: As `sys.exc_info` gives it.
    """
    from dagster._core.events import EngineEventData
    from dagster._utils.error import serializable_error_info_from_exc_info

    data = EngineEventData.engine_error(serializable_error_info_from_exc_info(error))
    instance.report_engine_event(f"step {step} broke outside of its own code", run, data, step_key=step)


def notes_of(instance: DagsterInstance, run_id: str) -> Iterator[tuple[str, Mapping[str, dg.MetadataValue]]]:
    """Step key and metadata of every event that `report` may have written for this run, oldest first."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        if event is not None:
            yield event.step_key or "", event.engine_event_data.metadata


def check_history(instance: DagsterInstance, check: dg.AssetCheckKey, since: float) -> Iterator[Any]:
    """Executions of a check that were stored at or after this time (seconds since 1970), newest first."""
    cursor: int | None = None
    while True:
        page = instance.event_log_storage.get_asset_check_execution_history(check, limit=_PAGE, cursor=cursor)
        for found in page:
            if found.create_timestamp < since:
                return
            yield found
        if len(page) < _PAGE:
            return
        cursor = page[-1].id


def of_partition(partition: str | None) -> dict[str, Any]:
    """The argument of a check's evaluation that says so; 1.11 knows no partitions of checks."""
    known = "partition" in inspect.signature(dg.AssetCheckEvaluation.__new__).parameters
    return {"partition": partition} if known else {}


def partitions_at(tick: datetime) -> AbstractContextManager[Any]:
    """Within it, partitions are those that there were at that time. 1.11 has it under a name of its own only."""
    public = getattr(dg, "partition_loading_context", None)
    if public is None:
        public = Private(
            "dagster._core.definitions.partitions.context", "partition_loading_context", "1.11", "1.11"
        ).load()
    found: AbstractContextManager[Any] = public(effective_dt=tick)
    return found


def kept_for_this_load(key: str, fetch: Callable[[], str]) -> str:
    """What `fetch` gave when the code location was loaded: processes of runs and steps are told, and ask nobody.

    Args:
        key: Tells it from others of the code location.
        fetch: Called at most once for a load.
    """
    from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType

    context = DefinitionsLoadContext.get()
    told = context.reconstruction_metadata if context.load_type is DefinitionsLoadType.RECONSTRUCTION else {}
    found = told.get(key)
    text = found if isinstance(found, str) else fetch()
    context.add_to_pending_reconstruction_metadata(key, text)
    return text


def resource_parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Parameters that Dagster would fill with resources, by their annotations."""
    from dagster._core.definitions.resource_annotation import get_resource_args

    return tuple(parameter.name for parameter in get_resource_args(function))


def resource_given(context: dg.AssetExecutionContext, name: str) -> Any:
    """A resource as Dagster hands it to a parameter: a `ConfigurableResource` itself, not what it would be on the context."""
    original: Mapping[str, Any] = context.resources.original_resource_dict
    return original[name]


@dataclass(frozen=True, slots=True)
class Private:
    """A name of Dagster's that is not documented, and the lines on which it was seen to be what we take it for.

    Attributes:
        module: Where it is.
        name: What it is called there; with a dot, an attribute of a class.
        first: The first line, ``1.11`` for instance.
        last: The last.
    """

    module: str
    name: str
    first: str
    last: str

    def load(self) -> Any:
        """The thing itself. Raises `AttributeError` or `ImportError` where it is not."""
        found: Any = importlib.import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        return found


_DELEGATING = "dagster._core.executor.step_delegating"
_COMPUTE_LOGS = "dagster._core.storage.compute_log_manager"
EXECUTOR = (
    Private(_DELEGATING, "StepDelegatingExecutor", "1.11", "1.13"),
    Private(_DELEGATING, "StepDelegatingExecutor._pop_events", "1.11", "1.13"),
    Private(_DELEGATING, "StepDelegatingExecutor.execute", "1.11", "1.13"),  # reads `_sleep_seconds` of itself
    Private(_DELEGATING, "StepHandler", "1.11", "1.13"),
    Private(_DELEGATING, "CheckStepHealthResult", "1.11", "1.13"),
    Private("dagster._core.execution.api", "create_execution_plan", "1.11", "1.13"),
    Private("dagster._core.execution.api", "execute_plan_iterator", "1.11", "1.13"),
    Private("dagster._core.execution.retries", "RetryMode", "1.11", "1.13"),
    Private("dagster._core.execution.retries", "get_retries_config", "1.11", "1.13"),
    Private("dagster._core.execution.tags", "get_tag_concurrency_limits_config", "1.11", "1.13"),
    Private("dagster._grpc.types", "ExecuteStepArgs.get_command_env", "1.11", "1.13"),
    Private(_COMPUTE_LOGS, "CapturedLogContext", "1.11", "1.13"),
    Private(_COMPUTE_LOGS, "ComputeIOType", "1.11", "1.13"),
    Private("dagster._core.instance.instance", "DagsterInstance.compute_log_manager", "1.11", "1.13"),
)
"""What `flyte_executor` needs: Dagster has no documented way to write an executor that waits. Its own for Kubernetes and ECS
stand on the same names."""


def refusal(what: str, names: tuple[Private, ...], instead: str, version: str | None = None) -> str | None:
    """Why a part of ours must not be used with this Dagster; None when it may.

    Args:
        what: Ours.
        names: What it needs.
        instead: What to use here.
        version: Of Dagster. None: this one's.
    """
    version = version or dg.__version__
    line = _line(version)
    for name in names:
        if not _line(name.first) <= line <= _line(name.last):
            where = f"was seen in Dagster {name.first} to {name.last}"
        else:
            try:
                name.load()
                continue
            except (ImportError, AttributeError):
                where = "is not there"
        return f"{what} stands on {name.module}.{name.name}, which {where}; this is {version}. Use {instead} here"
    return None


def private(name: str) -> Any:
    """One of `EXECUTOR`, by its last name."""
    (found,) = [each for each in EXECUTOR if each.name == name]
    return found.load()


def job_steps(plan_context: Any, steps: list[str], known_state: Any) -> Any:
    """A plan of some steps of a run, as a child process would make it.

    Args:
        plan_context: Of the run.
        steps: Their keys.
        known_state: What earlier steps and tries left.
    """
    load_data = plan_context.plan_data.execution_plan.repository_load_data
    run_config = plan_context.dagster_run.run_config
    make = private("create_execution_plan")
    return make(plan_context.job, run_config, steps, known_state=known_state, repository_load_data=load_data)


def with_compute_logs(instance: DagsterInstance, manager: Any) -> DagsterInstance:
    """The same instance, with another manager of compute logs: steps capture their output through that one."""
    other = copy.copy(instance)
    vars(other)["_compute_log_manager"] = manager
    return other


def _line(version: str) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", version)[:2]
    return int(major), int(minor)
