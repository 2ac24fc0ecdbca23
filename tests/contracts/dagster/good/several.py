"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import FlyteRun, build_flyte_multi_asset

model = build_flyte_multi_asset(
    {"a": FlyteRun("ml.train", inputs={"day": "d"}), "b": FlyteRun("task:ml.clean", inputs={"n": 1})}, name="both"
)
defs = dg.Definitions(assets=[model])
