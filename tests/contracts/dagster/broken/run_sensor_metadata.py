"""One thing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_run_sensor

runs = build_flyte_run_sensor({"ml.train": "model"}, metadata_outputs=["dya"])  # wrong: 'ml.train' has no output 'dya'
defs = dg.Definitions(sensors=[runs])
