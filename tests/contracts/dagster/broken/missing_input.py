"""Something is wrong: missing input."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train", name="model", inputs={"epochs": 3})  # wrong: day
defs = dg.Definitions(assets=[model])
