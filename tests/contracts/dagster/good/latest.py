"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.report@latest", name="model", inputs={"day": "d", "top": 1})
defs = dg.Definitions(assets=[model])
