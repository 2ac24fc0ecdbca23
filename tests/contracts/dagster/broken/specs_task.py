"""One thing is wrong here."""

import dagster as dg

from dagster_integration import FlyteResource, load_flyte_asset_specs

flyte = FlyteResource(endpoint="127.0.0.1:1", insecure=True, project="flytesnacks", domain="development", rpc_timeout=1)
specs = load_flyte_asset_specs(
    flyte, kind="task", selector="ml.cleen"
)  # wrong: 'ml.cleen' matches no task in flytesnacks/development; did you mean 'ml.clean'?
defs = dg.Definitions(assets=specs)
