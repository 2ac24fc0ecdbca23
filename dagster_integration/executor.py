"""`flyte_executor`: one process waits for hundreds of Flyte steps of a Dagster run.

Dagster's executors hold a process for each step that is at work, and a step that waits for Flyte is at work for hours. Here the
run worker itself works on Flyte steps: each has a thread, one of them works, and those that wait share one question to Flyte.
All other steps run in processes of their own, as ever.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

from ._compat import EXECUTOR, private, refusal

__all__ = ["flyte_executor"]

if _why := refusal(
    "flyte_executor", EXECUTOR, "dagster.multiprocess_executor, or build_flyte_multi_asset for many runs"
):
    raise ImportError(_why)

_CONFIG = {
    "max_concurrent": dg.Field(
        dg.Noneable(int),
        default_value=None,
        is_required=False,
        description="How many steps are at work together, those that wait included. None: as many as can be.",
    ),
    "max_processes": dg.Field(
        dg.Noneable(int),
        default_value=None,
        is_required=False,
        description="How many steps that are none of Flyte's run together, each in a process. None: one for each processor.",
    ),
    "tag_concurrency_limits": private("get_tag_concurrency_limits_config")(),
    "retries": private("get_retries_config")(),
}


@dg.executor(name="flyte", config_schema=_CONFIG, requirements=dg.multiple_process_executor_requirements())
def flyte_executor(init_context: dg.InitExecutorContext) -> Any:
    """Steps of Flyte wait together in the run worker; other steps run in processes of their own.

    Flyte steps are those of `build_flyte_assets`, `flyte_assets`, `build_flyte_multi_asset`, `flyte_run_op` and
    `FlyteProjectComponent`. Their code (functions that give inputs, IO managers, hooks) runs one at a time. Pools, retry
    policies, limits by tag and compute logs are what they are elsewhere.

    A run worker that died and is resumed attaches to all runs that it waited for. A person who cancels aborts all of them.

    Example:
        >>> import dagster as dg
        >>> from dagster_integration import build_flyte_assets, flyte_executor
        >>> model = build_flyte_assets("pkg.train", inputs={"epochs": 3})
        >>> defs = dg.Definitions(assets=[model], executor=flyte_executor)
    """
    from ._delegating import FlyteExecutor

    config: Mapping[str, Any] = init_context.executor_config
    return FlyteExecutor(
        max_processes=config.get("max_processes") or os.cpu_count() or 1,
        max_concurrent=config.get("max_concurrent"),
        tag_concurrency_limits=config.get("tag_concurrency_limits"),
        retries=private("RetryMode").from_config(config["retries"]),
    )
