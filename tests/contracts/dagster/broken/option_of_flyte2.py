"""Something is wrong: option of flyte2."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets(
    "ml.train", name="model", inputs={"day": "d"}, options={"queue": "q"}
)  # wrong: option 'queue' cannot be honoured by Flyte 1
defs = dg.Definitions(assets=[model])
