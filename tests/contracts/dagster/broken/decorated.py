"""Something is wrong: decorated."""

import dagster as dg

from dagster_integration import flyte_assets


@flyte_assets("ml.trian")  # wrong: did you mean 'ml.train'
def model(context):
    return {"day": context.partition_key}


defs = dg.Definitions(assets=[model])
