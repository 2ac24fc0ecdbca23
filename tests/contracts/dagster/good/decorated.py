"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import flyte_assets


@flyte_assets("ml.train")
def model(context):
    return {"day": context.partition_key}


defs = dg.Definitions(assets=[model])
