"""Something is wrong: several."""

import dagster as dg

from dagster_integration import FlyteRun, build_flyte_multi_asset

model = build_flyte_multi_asset(
    {"a": FlyteRun("ml.train", inputs={"day": "d"}), "b": FlyteRun("ml.trian")}, name="both"
)  # wrong: did you mean
defs = dg.Definitions(assets=[model])
