"""Something is wrong: wrong bool."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.switch", name="model", inputs={"on": "perhaps", "names": []})  # wrong: on
defs = dg.Definitions(assets=[model])
