"""Runs that Dagster did not start (Flyte's schedules, people) as materializations of its assets, and a value of them downstream.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_observing.py
"""

import dagster as dg

from dagster_integration import FlyteIOManager, FlyteResource, FlyteRunSeen, build_flyte_run_sensor

days = dg.DailyPartitionsDefinition(start_date="2026-01-01")
flyte = FlyteResource(project="flytesnacks", domain="development")

# Dagster does not materialize it: the sensor says when somebody did.
extracted = dg.AssetSpec("extracted", partitions_def=days, kinds={"flyte"}).with_io_manager_key("flyte_io")


def day_of(run: FlyteRunSeen) -> str:
    return run.inputs["day"]


@dg.asset(
    partitions_def=days,
    ins={"extracted": dg.AssetIn(metadata={"flyte/output": "limit"})},
    automation_condition=dg.AutomationCondition.eager(),
)
def report(extracted: int) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"limit": extracted})


defs = dg.Definitions(
    assets=[extracted, report],
    sensors=[build_flyte_run_sensor({"workflows.extract": "extracted"}, partition=day_of)],
    resources={"flyte": flyte, "flyte_io": FlyteIOManager(flyte=flyte)},
)
