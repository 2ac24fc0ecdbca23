"""The code location of the connector's tests: jobs that wait for a file, fail, fail once, or materialise what they were given."""

import os
import time
from pathlib import Path

import dagster as dg

FOLDER = Path(os.environ["TEST_CONNECTOR_FOLDER"])


class Report(dg.Config):
    day: str
    n: int = 1


@dg.op
def report(context: dg.OpExecutionContext, config: Report) -> None:
    with (FOLDER / "started").open("a") as started:
        started.write(f"{context.run_id}\n")
    if config.n == 0:
        while not (FOLDER / f"{context.run_id}.go").exists():
            time.sleep(0.1)
    if config.n < 0:
        raise ValueError("n is negative")
    metadata = {
        "rows": config.n * 10,
        "share": 0.5,
        "day": config.day,
        "big": 2**40,
        "ok": True,
        "parts": dg.MetadataValue.json({"a": [1, 2]}),
    }
    context.log_event(dg.AssetMaterialization("report", metadata=metadata))


@dg.op
def once(context: dg.OpExecutionContext) -> None:
    marker = FOLDER / "failed-once"
    if not marker.exists():
        marker.touch()
        raise ValueError("the first time")
    context.log_event(dg.AssetMaterialization("report", metadata={"rows": 7}))


@dg.job(executor_def=dg.in_process_executor)
def report_job() -> None:
    report()


@dg.job(executor_def=dg.in_process_executor, tags={"dagster/max_retries": "1"})
def once_job() -> None:
    once()


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
def lettered(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"letter": context.partition_key})


defs = dg.Definitions(assets=[lettered], jobs=[report_job, once_job], executor=dg.in_process_executor)
