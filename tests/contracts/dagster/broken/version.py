"""Something is wrong: version."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train@v9", name="model", inputs={"day": "d"})  # wrong: has no version 'v9'
defs = dg.Definitions(assets=[model])
