"""Something is wrong: input typo."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train", name="model", inputs={"day": "d", "epoch": 3})  # wrong: epoch
defs = dg.Definitions(assets=[model])
