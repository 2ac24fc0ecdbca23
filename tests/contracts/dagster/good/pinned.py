"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train@v1", name="model", inputs={"day": "d", "epochs": 3})
defs = dg.Definitions(assets=[model])
