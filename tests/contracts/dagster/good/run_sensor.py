"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_run_sensor

runs = build_flyte_run_sensor({"ml.train": {"day": "model"}, "ml.clean": "clean", "ml.next.*": "next"})
defs = dg.Definitions(sensors=[runs])
