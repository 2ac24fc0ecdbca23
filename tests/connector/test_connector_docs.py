"""What docs/connectors.md shows runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from bridge_core.cli.main import _parser

PAGE = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text()
OURS = Path(__file__).parent


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_connector_of_thirty_lines_runs_and_keeps_the_rules(tmp_path):
    connector, local = blocks("python")
    assert len([line for line in connector.splitlines() if line.strip() and not line.startswith("#")]) <= 33
    (tmp_path / "warehouse.py").write_text(connector)
    (tmp_path / "local.py").write_text(local)
    done = subprocess.run([sys.executable, "local.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "{'rows': 42}\n", done.stderr
    (tmp_path / "checked.py").write_text(
        "from bridge_core import ConnectorTask\nfrom bridge_core.testing import check_connector\n"
        "from warehouse import JOBS, Query, WarehouseConnector\n"
        "task = ConnectorTask(name='a', task_type='warehouse_query', custom={'sql': 's'}, outputs={'rows': int})\n"
        "check_connector(WarehouseConnector(), task, count=lambda: len(JOBS),\n"
        "                finish=lambda meta: JOBS[meta.key].update(state='done'))\n"
    )
    done = subprocess.run([sys.executable, "checked.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_commands_and_configuration_can_be_read():
    (command,) = re.findall(r"^flyte-bridge .*$", PAGE, re.MULTILINE)
    arguments = _parser(command.split()[1:]).parse_args(command.split()[1:])
    assert (arguments.port, arguments.http_port, arguments.modules) == (8000, 9090, ["warehouse"])
    (configuration,) = blocks("yaml")
    assert yaml.safe_load(configuration)["plugins"]["connector-service"]["supportedTaskTypes"] == [
        "airflow_dag",
        "dagster_job",
    ]


def test_every_row_of_flytekits_tests_names_a_test_file_that_is_there():
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert named
    assert all((OURS / name).exists() for name in named)
