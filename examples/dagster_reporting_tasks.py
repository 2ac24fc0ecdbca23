"""An asset whose Flyte tasks report to Dagster themselves: metadata, a check, logs. The tasks: reporting_tasks.py.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, a Flyte as in dagster_run_workflow.py, and a folder that both
sides reach: a bucket on a cluster, a local one for the embedded Flyte.

    pyflyte register -p flytesnacks -d development examples/reporting_tasks.py
    PIPES_STORE=file:///tmp/pipes dagster dev -f examples/dagster_reporting_tasks.py
"""

import os

import dagster as dg

from dagster_integration import FlytePipesClient, FlyteResource

days = dg.DailyPartitionsDefinition(start_date="2026-01-01")


@dg.asset(
    partitions_def=days,
    check_specs=[dg.AssetCheckSpec("not_empty", asset="orders")],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=30),
)
def orders(context: dg.AssetExecutionContext, flyte_pipes: FlytePipesClient) -> dg.MaterializeResult:
    return flyte_pipes.run(
        context=context,
        entity="reporting_tasks.orders",
        inputs={"day": context.partition_key},
        require_report=True,
    ).get_materialize_result()


defs = dg.Definitions(
    assets=[orders],
    resources={
        "flyte_pipes": FlytePipesClient(
            flyte=FlyteResource(project="flytesnacks", domain="development"),
            store=os.environ.get("PIPES_STORE", "s3://my-bucket/dagster-pipes"),
        )
    },
)
