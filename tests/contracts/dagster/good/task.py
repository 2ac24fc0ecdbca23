"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("task:ml.clean", name="model", inputs={"n": 3})
defs = dg.Definitions(assets=[model])
