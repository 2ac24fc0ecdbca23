"""Tasks that are declared with flytekit, as `examples/flytekit_connector_tasks.py` does, are what the connectors read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flyteidl.admin import task_pb2

from airflow_provider.connectors.airflow import _settings
from bridge_core.connector.conversion import template_of
from dagster_integration.connectors._settings import JobSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = """
from collections import OrderedDict
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
import flytekit_connector_tasks as example
settings = SerializationSettings(ImageConfig(Image("default", "none", "none")), "p", "d", "v")
entities = OrderedDict()
get_serializable(entities, settings, example.circle)
for task in (example.load, example.report):
    print(entities[task].to_flyte_idl().SerializeToString().hex())
"""


def test_the_example_is_what_the_connectors_read():
    done = subprocess.run([sys.executable, "-c", PRINTED], cwd=EXAMPLES, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    load, report = (
        template_of(task_pb2.TaskSpec.FromString(bytes.fromhex(line)).template) for line in done.stdout.splitlines()
    )
    assert (load.type, load.name) == ("airflow_dag", "examples.load")
    assert _settings(load) == ("load", {"rows": "count"})
    settings = JobSettings.of(report, {"day": "2026-11-28", "n": 4})
    assert settings.job == "daily_report"
    assert settings.run_config == {"ops": {"report": {"config": {"day": "2026-11-28", "n": 4}}}}
    assert settings.outputs == {"rows": ""}
