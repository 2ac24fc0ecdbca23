"""The code location of the test that kills a process which waits for tasks that report: materializes, or re-executes."""

import os
import sys

import dagster as dg

from dagster_integration import FlytePipesClient, FlyteResource


@dg.asset
def told(context: dg.AssetExecutionContext, pipes: FlytePipesClient) -> dg.MaterializeResult:
    return pipes.run(
        context=context,
        entity=os.environ["TEST_FLYTE_ENTITY"],
        inputs={"gate": os.environ["TEST_GATE"]},
        poll_interval=0.2,
    ).get_materialize_result()


defs = dg.Definitions(
    assets=[told],
    jobs=[dg.define_asset_job("told_job", selection="told", executor_def=dg.in_process_executor)],
    resources={
        "pipes": FlytePipesClient(
            flyte=FlyteResource(
                endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
            ),
            store=dg.EnvVar("TEST_STORE"),
        )
    },
)


def told_job() -> dg.JobDefinition:
    return defs.resolve_job_def("told_job")


if __name__ == "__main__":
    import pipes_defs

    options = dg.ReexecutionOptions(parent_run_id=sys.argv[1]) if sys.argv[1:] else None
    with dg.DagsterInstance.get() as instance:
        job = dg.reconstructable(pipes_defs.told_job)
        sys.exit(0 if dg.execute_job(job, instance=instance, reexecution_options=options).success else 3)
