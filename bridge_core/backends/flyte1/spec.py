"""`RunOptions` -> ``ExecutionSpec``: every option has its field here, or is refused by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flyteidl.admin import cluster_assignment_pb2, common_pb2, execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import literals_pb2, security_pb2

from ...model.errors import InvalidRequest, Unsupported
from .convert import identifier

if TYPE_CHECKING:
    from ...model.run_options import RunOptions
    from ...model.run_settings import Notification
    from ..values import Interface

__all__ = ["check_labels", "check_options", "execution_spec", "notification", "set_shared_fields"]

log = logging.getLogger("bridge_core")

_MOST_LABELS = 16  # flyteadmin execution_validator.go; what a launch plan sets counts when we send it along
_OURS = "flyte-bridge-"
_UNSUPPORTED = {
    "queue": "Flyte 1 has no queues; use cluster_pool or execution_cluster_label",
    "custom_context": "Flyte 1 has no custom context; use env_vars or labels",
    "cache_lookup_scope": "Flyte 1 has no cache scopes",
    "run_base_dir": "Flyte 1 has no run base directory; use raw_data_path",
    "max_queued_time": "FlyteAdmin times out runs by the task's own timeout; use timeout of whoever waits",
    "reset_root_logger": "flytekit has no such variable",
}


def check_options(options: RunOptions) -> None:
    """Refuses what Flyte 1 cannot honour.

    Raises:
        Unsupported: An option that has no field in FlyteAdmin.
        InvalidRequest: A value of the wrong kind.
    """
    options.check_types()
    _environment(options)
    for name, reason in _UNSUPPORTED.items():
        if getattr(options, name) is not None:
            raise Unsupported(f"run option {name!r} cannot be honoured by Flyte 1: {reason}")
    if options.notifications and options.disable_notifications:
        raise InvalidRequest(
            "run options: notifications and disable_notifications=True contradict each other; drop one"
        )
    if options.security_context is not None and options.service_account is not None:
        raise InvalidRequest("run options: service_account is part of security_context; give one of the two")
    if options.notifications == ():
        raise InvalidRequest(
            "run option notifications=(): FlyteAdmin ignores an empty list and the launch plan's apply; use "
            "disable_notifications=True"
        )


def check_labels(interface: Interface, options: RunOptions, marks: Sequence[str]) -> None:
    """Refuses more labels than FlyteAdmin takes, before anything is sent.

    Args:
        interface: Its launch plan's labels go along, because FlyteAdmin replaces them by what is sent.
        options: With the caller's labels and those that say who launches.
        marks: Labels that every run of ours has.

    Raises:
        InvalidRequest: There are too many; says whose they are.
    """
    given = options.labels or {}
    said = [key for key in given if key.startswith(_OURS)]
    yours = len(given) - len(said)
    whole = {*interface.labels, *given, *marks}
    if len(whole) <= _MOST_LABELS:
        return
    raise InvalidRequest(
        f"a run of {interface.entity} would have {len(whole)} labels, and Flyte 1 takes {_MOST_LABELS} (labels map cannot exceed "
        f"{_MOST_LABELS} entries): {yours} of the caller, {len({*interface.labels} - {*given})} of the launch plan, and "
        f"{len({*said, *marks})} that this library finds runs by. Drop {len(whole) - _MOST_LABELS}; annotations have no limit"
    )


def execution_spec(interface: Interface, options: RunOptions, ours: Mapping[str, str], *, labelled: bool = True) -> Any:
    """The spec of one execution. Options that are None are not sent.

    Labels and annotations are the launch plan's, then the caller's, then ours: FlyteAdmin replaces the launch plan's whole
    map as soon as the request's is not empty (flyteadmin execution_manager.go, ``resolveStringMap``). Without labels there are
    no tags either, which FlyteAdmin stores among them; ours are annotations then.
    """
    spec = execution_pb2.ExecutionSpec(launch_plan=identifier(interface.entity))
    annotations = options.annotations
    if labelled:
        labels = {**interface.labels, **(options.labels or {}), **ours}
        spec.labels.CopyFrom(common_pb2.Labels(values=labels))
        spec.tags.extend(options.tags or ())
    else:
        annotations = {**(annotations or {}), **ours}
        lost = sorted({*(options.labels or {}), *(options.tags or ())})
        log.warning("labels and tags that are not sent: %s", ", ".join(lost) or "none of the caller's")
    if annotations is not None:
        merged = {**interface.annotations, **annotations}
        spec.annotations.CopyFrom(common_pb2.Annotations(values=merged))
    if options.execution_cluster_label is not None:
        spec.execution_cluster_label.value = options.execution_cluster_label
    set_shared_fields(spec, options)
    _set_notifications(spec, options)
    return spec


def set_shared_fields(spec: Any, options: RunOptions) -> None:
    """What an ``ExecutionSpec`` and a ``LaunchPlanSpec`` have under the same names."""
    envs = _environment(options)
    if envs is not None:
        pairs = [literals_pb2.KeyValuePair(key=key, value=value) for key, value in sorted(envs.items())]
        spec.envs.CopyFrom(common_pb2.Envs(values=pairs))
    if options.interruptible is not None:
        spec.interruptible.value = options.interruptible
    if options.overwrite_cache is not None:
        spec.overwrite_cache = options.overwrite_cache
    if options.raw_data_path is not None:
        spec.raw_output_data_config.output_location_prefix = options.raw_data_path
    if options.max_parallelism is not None:
        spec.max_parallelism = options.max_parallelism
    if options.cluster_pool is not None:
        assignment = cluster_assignment_pb2.ClusterAssignment(cluster_pool_name=options.cluster_pool)
        spec.cluster_assignment.CopyFrom(assignment)
    _set_identity(spec, options)


def _environment(options: RunOptions) -> Mapping[str, str] | None:
    """The variables of the tasks, with those that flytekit reads its logging from (flytekit ``loggers.py``).

    Raises:
        InvalidRequest: One of them is given as a variable, too.
    """
    ours = {}
    if options.log_level is not None:
        ours["FLYTE_SDK_LOGGING_LEVEL"] = str(options.log_level_number())
    if options.log_format is not None:
        ours["FLYTE_SDK_LOGGING_FORMAT"] = options.log_format
    given = options.env_vars
    if both := sorted(set(ours) & set(given or {})):
        raise InvalidRequest(
            f"run options: {both[0]} is given in env_vars, and log_level or log_format sets it; give one"
        )
    return {**(given or {}), **ours} if ours or given is not None else None


def _set_identity(spec: Any, options: RunOptions) -> None:
    account, role = options.service_account, None
    if options.security_context is not None:
        account, role = options.security_context.service_account, options.security_context.iam_role
    if account or role:
        run_as = security_pb2.Identity(k8s_service_account=account, iam_role=role)
        spec.security_context.CopyFrom(security_pb2.SecurityContext(run_as=run_as))


def _set_notifications(spec: Any, options: RunOptions) -> None:
    if options.disable_notifications:
        spec.disable_all = True
    elif options.notifications is not None:
        # One field of a oneof: setting disable_all as well, even to False, would wipe the list (a defect of flytekit).
        spec.notifications.CopyFrom(
            execution_pb2.NotificationList(notifications=[notification(item) for item in options.notifications])
        )


def notification(item: Notification) -> Any:
    """One notification for the wire."""
    phases = [core_execution_pb2.WorkflowExecution.Phase.Value(phase) for phase in item.phases]
    message = common_pb2.Notification(phases=phases)
    target = {"email": message.email, "slack": message.slack, "pager_duty": message.pager_duty}[item.kind]
    target.recipients_email.extend(item.recipients)
    return message
