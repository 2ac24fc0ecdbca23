"""What a launch plan says about how its runs are run, under the names of `RunOptions`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["plan_settings"]


def plan_settings(spec: Any) -> Mapping[str, Any]:
    """Fields of a ``LaunchPlanSpec`` that are set; labels and annotations are told apart from these."""
    out: dict[str, Any] = {}
    if spec.envs.values:
        out["env_vars"] = {pair.key: pair.value for pair in spec.envs.values}
    if spec.HasField("interruptible"):
        out["interruptible"] = spec.interruptible.value
    if spec.overwrite_cache:
        out["overwrite_cache"] = True
    if spec.raw_output_data_config.output_location_prefix:
        out["raw_data_path"] = spec.raw_output_data_config.output_location_prefix
    if spec.max_parallelism:
        out["max_parallelism"] = spec.max_parallelism
    account = spec.security_context.run_as.k8s_service_account or spec.auth_role.kubernetes_service_account
    if account:
        out["service_account"] = account
    if spec.cluster_assignment.cluster_pool_name:
        out["cluster_pool"] = spec.cluster_assignment.cluster_pool_name
    return out
