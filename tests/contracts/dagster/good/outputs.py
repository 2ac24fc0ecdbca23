"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train", inputs={"day": "d"}, outputs={"epochs": "epochs", "day": dg.AssetSpec("day")})
defs = dg.Definitions(assets=[model])
