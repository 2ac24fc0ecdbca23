"""The code location of the test that kills daemons: a sensor that watches one workflow."""

import os

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_run_sensor

defs = dg.Definitions(
    sensors=[
        build_flyte_run_sensor(
            {os.environ["TEST_FLYTE_ENTITY"]: "watched"},
            lookback=3600,
            minimum_interval_seconds=1,
            default_status=dg.DefaultSensorStatus.RUNNING,
        )
    ],
    resources={
        "flyte": FlyteResource(
            endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
        )
    },
)
