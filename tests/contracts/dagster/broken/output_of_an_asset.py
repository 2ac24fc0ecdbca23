"""Something is wrong: output of an asset."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets(
    "ml.train", inputs={"day": "d"}, outputs={"epoch": "epochs"}
)  # wrong: has no output 'epoch'; did you mean 'epochs'
defs = dg.Definitions(assets=[model])
