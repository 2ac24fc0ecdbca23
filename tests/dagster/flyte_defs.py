"""The code location of the tests that kill things: Flyte assets whose runs a test holds and lets go."""

import os

import dagster as dg
from secret_defs import FLYTES, secret_assets, secret_job

from dagster_integration import (
    FlyteResource,
    FlyteRun,
    build_flyte_assets,
    build_flyte_multi_asset,
    build_flyte_reaper_sensor,
    flyte_assets,
    flyte_executor,
)

ENTITY = os.environ["TEST_FLYTE_ENTITY"]

plain = build_flyte_assets(ENTITY, name="plain", inputs={"n": 7}, poll_interval=0.2)
retried = build_flyte_assets(
    ENTITY, name="retried", inputs={"n": 7}, poll_interval=0.2, retry_policy=dg.RetryPolicy(max_retries=2)
)


class Size(dg.Config):
    n: int = 7


@flyte_assets(ENTITY, poll_interval=0.2)
def sized(config: Size) -> dict[str, int]:
    return {"n": config.n}


many = [
    build_flyte_assets(ENTITY, name=f"many_{number}", inputs={"n": number}, poll_interval=0.5) for number in range(20)
]
crowd = build_flyte_multi_asset(
    {f"crowd_{number}": FlyteRun(ENTITY, inputs={"n": number}) for number in range(12)}, name="crowd", poll_interval=0.2
)
each = build_flyte_assets(
    ENTITY,
    name="each",
    partitions_def=dg.StaticPartitionsDefinition(["1", "2", "3"]),
    partition_inputs={"n": "{key}"},
    poll_interval=0.5,
)
ranged = build_flyte_assets(
    ENTITY,
    name="ranged",
    partitions_def=dg.DailyPartitionsDefinition(start_date="2020-01-01"),
    backfill_policy=dg.BackfillPolicy.single_run(),
    inputs={"n": 7},
    poll_interval=0.5,
)
sales = build_flyte_assets(ENTITY, name="daily_sales", description="What was sold, by region.", inputs={"n": 7})
AT_ONCE = dg.multiprocess_executor.configured({"max_concurrent": 20})

defs = dg.Definitions(
    assets=[plain, retried, sized, crowd, each, ranged, sales, *many, *secret_assets],
    executor=dg.in_process_executor,
    sensors=[
        build_flyte_reaper_sensor(
            failed_after=float(os.environ.get("TEST_FAILED_AFTER", "3600")),
            minimum_interval_seconds=1,
            default_status=dg.DefaultSensorStatus.RUNNING,
        )
    ],
    jobs=[
        secret_job,
        dg.define_asset_job("multiprocess", [retried], executor_def=dg.multiprocess_executor),
        dg.define_asset_job("multiprocess_plain", [plain], executor_def=dg.multiprocess_executor),
        dg.define_asset_job("in_process", [retried], executor_def=dg.in_process_executor),
        dg.define_asset_job("in_process_plain", [plain], executor_def=dg.in_process_executor),
        dg.define_asset_job("sized_job", [sized], executor_def=dg.in_process_executor),
        dg.define_asset_job("crowd_job", [crowd], executor_def=dg.in_process_executor),
        dg.define_asset_job("few_together", many[:3], executor_def=AT_ONCE),
        dg.define_asset_job("waiting", many, executor_def=flyte_executor),
        dg.define_asset_job("many_together", many, executor_def=AT_ONCE),
    ],
    resources={
        **FLYTES,
        "flyte": FlyteResource(
            endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
        ),
    },
)
