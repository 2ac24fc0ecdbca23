"""Something is wrong: wrong list."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.switch", name="model", inputs={"on": True, "names": 3})  # wrong: names
defs = dg.Definitions(assets=[model])
