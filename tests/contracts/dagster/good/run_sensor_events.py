"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_run_sensor

runs = build_flyte_run_sensor(events=lambda run: ())
defs = dg.Definitions(sensors=[runs])
