"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train", name="model", inputs={"day": "d"}, options=lambda context: {"queue": "q"})
defs = dg.Definitions(assets=[model])
