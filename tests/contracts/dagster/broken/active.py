"""Something is wrong: active."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.report@active", name="model", inputs={"day": "d"})  # wrong: has no active version
defs = dg.Definitions(assets=[model])
