"""The examples, for the running Airflow; paused until a test wants them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"

for name in ("airflow_wait_for_run", "airflow_on_run_end", "airflow_decorator", "airflow_approve"):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.dag.is_paused_upon_creation = name != "airflow_on_run_end"  # Airflow makes watchers when it reads the file
    globals()[name] = module.dag
