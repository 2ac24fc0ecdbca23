"""The code location of `bench_dagster`: a hundred runs that take ten seconds, as a hundred steps and as one."""

import os

import dagster as dg

from dagster_integration import FlyteResource, FlyteRun, build_flyte_assets, build_flyte_multi_asset, flyte_executor

COUNT = int(os.environ["BENCH_RUNS"])
steps = [build_flyte_assets("napping", name=f"step_{number}", inputs={"n": number}) for number in range(COUNT)]
together = build_flyte_multi_asset(
    {f"part_{number}": FlyteRun("napping", inputs={"n": number}) for number in range(COUNT)}, name="together"
)
defs = dg.Definitions(
    assets=[*steps, together],
    jobs=[
        dg.define_asset_job("flyte", steps, executor_def=flyte_executor),
        dg.define_asset_job("stock", steps, executor_def=dg.multiprocess_executor),
        dg.define_asset_job(
            "stock_wide", steps, executor_def=dg.multiprocess_executor.configured({"max_concurrent": COUNT})
        ),
        dg.define_asset_job("multi_asset", [together], executor_def=dg.in_process_executor),
    ],
    resources={
        "flyte": FlyteResource(
            endpoint=dg.EnvVar("BENCH_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
        ),
    },
)
