"""A Dagster job of Flyte runs, whose inputs people set in the launchpad.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_launchpad.py
"""

import dagster as dg

from dagster_integration import FlyteResource, FlyteRunConfig, flyte_run_op

# Or FlyteRunConfig.of(flyte.fetch_interface("workflows.extract")): then Flyte is asked when this file loads.
Extract = FlyteRunConfig.of({"day": "string", "limit": "integer"}, name="Extract", optional=["limit"])

extract = flyte_run_op("workflows.extract", config=Extract, inputs={"limit": 100}, outputs={"day": dg.Out(str)})
train = flyte_run_op("workflows.train", inputs={"epochs": 3}, ins={"day": dg.In(str)})


@dg.job(config=dg.RunConfig(ops={"extract": {"config": {"day": "2026-11-20"}}}))
def pipeline() -> None:
    train(extract())


defs = dg.Definitions(
    jobs=[pipeline],
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
