"""What a run goes by: the request's settings, its launch plan's, those of project and domain, the platform's, in this order.

After flyteadmin ``execution_manager.go`` (getExecutionConfig) and ``util/shared.go`` (MergeIntoExecConfig). The result goes
into the object in Kubernetes, for the engine. The execution that clients read has of it ``max_parallelism`` and the security
context only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, execution_pb2, matchable_resource_pb2

from ..model.status import Rejected

if TYPE_CHECKING:
    from .context import Admin

__all__ = ["PLATFORM", "engine_spec", "merge", "settings_of"]

PLATFORM = matchable_resource_pb2.WorkflowExecutionConfig(max_parallelism=25)
"""What FlyteAdmin's default configuration adds."""

_MAPS = ("labels", "annotations", "envs")
_MORE = ("quality_of_service", "cluster_assignment", "auth_role")


def settings_of(admin: Admin, request: Any, plan: Any | None) -> Any:
    """The settings of a run that is about to be created, as WorkflowExecutionConfig.

    Args:
        admin: Where attributes are stored.
        request: ExecutionCreateRequest.
        plan: Its launch plan; None for a single task, whose generated one has no say.
    """
    kind = matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG
    config = matchable_resource_pb2.WorkflowExecutionConfig()
    merge(config, request.spec)
    workflow = ""
    if plan is not None:
        merge(config, plan.spec)
        workflow = plan.spec.workflow_id.name
    for domain, name in ((request.domain, workflow), ("", "")):
        found = admin.attributes.find(request.project, domain, name, kind)
        if found is not None:
            merge(config, found.workflow_execution_config)
    role = _auth_role(request.spec, plan)
    if not config.HasField("security_context") and (role.kubernetes_service_account or role.assumable_iam_role):
        config.security_context.run_as.k8s_service_account = role.kubernetes_service_account
        config.security_context.run_as.iam_role = role.assumable_iam_role
    merge(config, PLATFORM)
    config.security_context.run_as.SetInParent()
    return config


def merge(config: Any, other: Any) -> None:
    """Fills what is not set from a message with the same fields, which counts for less."""
    if config.max_parallelism == 0 and other.max_parallelism > 0:
        config.max_parallelism = other.max_parallelism
    identity = other.security_context.run_as
    if not config.HasField("security_context") and (
        identity.k8s_service_account or identity.iam_role or identity.execution_identity
    ):
        config.security_context.CopyFrom(other.security_context)
    if not config.raw_output_data_config.output_location_prefix and other.raw_output_data_config.output_location_prefix:
        config.raw_output_data_config.CopyFrom(other.raw_output_data_config)
    for name in _MAPS:
        if not getattr(config, name).values and getattr(other, name).values:
            getattr(config, name).CopyFrom(getattr(other, name))
    if not config.HasField("interruptible") and other.HasField("interruptible"):
        config.interruptible.CopyFrom(other.interruptible)
    config.overwrite_cache = config.overwrite_cache or other.overwrite_cache


def engine_spec(admin: Admin, request: Any, plan: Any, config: Any) -> Any:
    """The specification that the engine goes by: the request's, with all settings and the labels of its project.

    Raises:
        Rejected: INVALID_ARGUMENT, the cluster pool is not that of the project.
    """
    spec = execution_pb2.ExecutionSpec()
    spec.CopyFrom(request.spec)
    spec.ClearField("inputs")
    for name in (*_MAPS, "security_context", "raw_output_data_config", "interruptible"):
        spec.ClearField(name)
        if config.HasField(name):
            getattr(spec, name).CopyFrom(getattr(config, name))
    spec.max_parallelism = config.max_parallelism
    spec.overwrite_cache = config.overwrite_cache
    for name in _MORE:
        if name in plan.spec.DESCRIPTOR.fields_by_name and not spec.HasField(name) and plan.spec.HasField(name):
            getattr(spec, name).CopyFrom(getattr(plan.spec, name))
    for key, value in admin.projects.get(request.project).labels.values.items():
        if key not in spec.labels.values:
            spec.labels.values[key] = value
    _check_pool(admin, request)
    return spec


def _check_pool(admin: Admin, request: Any) -> None:
    kind = matchable_resource_pb2.CLUSTER_ASSIGNMENT
    stored = admin.attributes.find(request.project, request.domain, "", kind)
    pool = "" if stored is None else stored.cluster_assignment.cluster_pool_name
    asked = request.spec.cluster_assignment.cluster_pool_name
    if asked and pool and asked != pool:
        text = f'execution with project "{request.project}" and domain "{request.domain}" cannot run on cluster pool "{asked}"'
        raise Rejected("INVALID_ARGUMENT", f'{text}, because its configured to run on pool "{pool}"')


def _auth_role(spec: Any, plan: Any | None) -> Any:
    """The role of the fields that came before the security context."""
    if spec.HasField("auth_role"):
        return spec.auth_role
    if plan is None:
        return common_pb2.AuthRole()
    if plan.spec.HasField("auth_role"):
        return plan.spec.auth_role
    if plan.spec.HasField("auth"):
        return common_pb2.AuthRole(
            assumable_iam_role=plan.spec.auth.assumable_iam_role,
            kubernetes_service_account=plan.spec.auth.kubernetes_service_account,
        )
    return common_pb2.AuthRole(assumable_iam_role=plan.spec.role)
