"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import flyte_run_op

train = flyte_run_op(
    "ml.train",
    inputs={"day": "d"},
    ins={"epochs": dg.In(int), "after": dg.In(dg.Nothing)},
    outputs={"day": dg.Out(str)},
)
defs = dg.Definitions()
