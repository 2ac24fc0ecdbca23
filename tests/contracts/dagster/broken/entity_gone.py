"""Something is wrong: entity gone."""

import dagster as dg

from dagster_integration import build_flyte_assets

model = build_flyte_assets("pkg.nosuch", name="model")  # wrong: there is no launch plan 'pkg.nosuch'
defs = dg.Definitions(assets=[model])
