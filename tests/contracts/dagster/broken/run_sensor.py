"""One thing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_run_sensor

runs = build_flyte_run_sensor({"ml.trian": "model"})  # wrong: did you mean 'ml.train'?
defs = dg.Definitions(sensors=[runs])
