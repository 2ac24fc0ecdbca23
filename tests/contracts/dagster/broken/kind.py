"""Something is wrong: kind."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("task:ml.train", name="model", inputs={"day": "d"})  # wrong: there is no task 'ml.train'
defs = dg.Definitions(assets=[model])
