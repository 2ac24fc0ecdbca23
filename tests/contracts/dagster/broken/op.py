"""Something is wrong: op."""

import dagster as dg

from dagster_integration import flyte_run_op

train = flyte_run_op("ml.train", inputs={"day": "d", "epoch": 3})  # wrong: epoch


@dg.job
def nightly():
    train()


defs = dg.Definitions(jobs=[nightly])
