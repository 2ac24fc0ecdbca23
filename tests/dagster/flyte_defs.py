"""The code location of the tests that kill things: Flyte assets whose runs a test holds and lets go."""

import os

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

ENTITY = os.environ["TEST_FLYTE_ENTITY"]

plain = build_flyte_assets(ENTITY, name="plain", inputs={"n": 7}, poll_interval=0.2)
retried = build_flyte_assets(
    ENTITY, name="retried", inputs={"n": 7}, poll_interval=0.2, retry_policy=dg.RetryPolicy(max_retries=2)
)

defs = dg.Definitions(
    assets=[plain, retried],
    jobs=[
        dg.define_asset_job("multiprocess", [retried], executor_def=dg.multiprocess_executor),
        dg.define_asset_job("multiprocess_plain", [plain], executor_def=dg.multiprocess_executor),
        dg.define_asset_job("in_process", [retried], executor_def=dg.in_process_executor),
        dg.define_asset_job("in_process_plain", [plain], executor_def=dg.in_process_executor),
    ],
    resources={
        "flyte": FlyteResource(
            endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
        )
    },
)
