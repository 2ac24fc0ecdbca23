"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.new", name="model", inputs={"zz": 1}, register="flows/")
defs = dg.Definitions(assets=[model])
