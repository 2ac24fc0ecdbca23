"""Something is wrong: op outputs."""

import dagster as dg

from dagster_integration import flyte_run_op

train = flyte_run_op("ml.train", inputs={"day": "d"}, outputs={"modle": dg.Out(str)})  # wrong: has no output 'modle'


@dg.job
def nightly():
    train()


defs = dg.Definitions(jobs=[nightly])
