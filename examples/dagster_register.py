"""Register what an asset and a job need from the definitions themselves. Neither Dagster nor the image needs flytekit.

Needs `pip install 'flyte-bridge[dagster]'` and a Flyte, as dagster_run_workflow.py; then
`dagster dev -f examples/dagster_register.py`.
"""

from __future__ import annotations

import dagster as dg

from bridge_core import LaunchPlan, ShellTask
from dagster_integration import FlyteResource, build_flyte_assets, flyte_register_op, flyte_run_op

count = ShellTask(
    name="tools.count",
    image="busybox:1.36",
    script='printf "%s" "$word" | wc -c > "$outputs/letters"',
    inputs={"word": str},
    outputs={"letters": int},
)

# Registered before it is launched. Retries and re-executions launch the version that was registered first, whatever the code is
# by then; a new materialization registers anew.
letters = build_flyte_assets("task:tools.count", key="letters", inputs={"word": "2026-11-20"}, register=count)

small = LaunchPlan("reports.small", "workflows.extract", fixed={"limit": 10}, labels={"team": "reports"})
register = flyte_register_op(small)  # a package, code or values; the same again changes nothing
extract = flyte_run_op("reports.small", inputs={"day": "2026-11-20"}, ins={"registered": dg.In(dg.Nothing)})


@dg.job
def reports():
    extract(register())


defs = dg.Definitions(
    assets=[letters],
    jobs=[reports],
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
