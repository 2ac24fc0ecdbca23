"""One thing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_run_sensor

runs = build_flyte_run_sensor({"ml.train": {"o9": "model"}})  # wrong: 'ml.train' has no output 'o9'
defs = dg.Definitions(sensors=[runs])
