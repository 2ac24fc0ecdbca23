"""Something is wrong: wrong type."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train", name="model", inputs={"day": "d", "epochs": [1]})  # wrong: epochs
defs = dg.Definitions(assets=[model])
