"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train@active", name="model", inputs={"day": "d", "rate": 1.5})
defs = dg.Definitions(assets=[model])
