"""Something is wrong: output as metadata."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets(
    "ml.train", name="model", inputs={"day": "d"}, metadata_outputs=["modle"]
)  # wrong: has no output 'modle'
defs = dg.Definitions(assets=[model])
