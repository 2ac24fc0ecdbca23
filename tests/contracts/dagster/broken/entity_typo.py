"""Something is wrong: entity typo."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.trian", name="model", inputs={"day": "d"})  # wrong: did you mean 'ml.train'
defs = dg.Definitions(assets=[model])
