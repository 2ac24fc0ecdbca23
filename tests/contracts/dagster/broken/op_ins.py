"""Something is wrong: op ins."""

import dagster as dg

from dagster_integration import flyte_run_op

train = flyte_run_op("ml.train", inputs={"day": "d"}, ins={"epoch": dg.In(int)})  # wrong: has no input 'epoch'
defs = dg.Definitions(ops=[train]) if False else dg.Definitions()
