"""Something is wrong: no inputs."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("ml.train", name="model")  # wrong: day
defs = dg.Definitions(assets=[model])
