"""The Dagster half of the demo: one asset, computed by the Flyte workflow.

``flyte-bridge demo`` runs this file; ``dagster dev -f examples/demo/dagster_assets.py`` shows the same asset in the UI.
"""

import json
import os
from pathlib import Path

import dagster as dg
import pandas as pd

from dagster_integration import FlyteResource, build_flyte_assets

HERE = Path(__file__).parent


def inputs(context: dg.AssetExecutionContext) -> dict:
    """Any Python that the remote interface can take; the data frame is uploaded as Parquet."""
    return {
        "numbers": [10, 20, 30],
        "settings": {"factor": 0.5, "labels": ["scaled"]},
        "notes": HERE / "data" / "notes.txt",
        "baseline": pd.DataFrame({"measured": [1.0, 2.0, 3.0]}),
    }


measure = build_flyte_assets("launch_plan:workflow.measure", key="measure", inputs=inputs)

defs = dg.Definitions(
    assets=[measure],
    resources={
        "flyte": FlyteResource(
            endpoint=dg.EnvVar("FLYTE_BRIDGE_DEMO_ENDPOINT"),
            insecure=True,
            project="flytesnacks",
            domain="development",
            console_endpoint=dg.EnvVar("FLYTE_BRIDGE_DEMO_CONSOLE"),
        )
    },
)

if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        (event,) = result.get_asset_materialization_events()
    runs = [{"flyte": 1, "run": event.materialization.metadata["flyte/execution"].value}]
    Path(os.environ["FLYTE_BRIDGE_DEMO_REPORT"]).write_text(json.dumps({"runs": runs}))
