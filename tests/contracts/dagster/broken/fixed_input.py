"""Something is wrong: fixed input."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.report", name="model", inputs={"day": "d", "kind": "pdf"})  # wrong: kind
defs = dg.Definitions(assets=[model])
