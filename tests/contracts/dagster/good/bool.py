"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.switch", name="model", inputs={"on": False, "names": ["a"]})
defs = dg.Definitions(assets=[model])
