"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("other/production/ml.unknown", name="model", inputs={"zz": 1})
defs = dg.Definitions(assets=[model])
