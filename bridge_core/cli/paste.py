"""What ``flyte-bridge quickstart`` prints to be pasted: a DAG for Airflow and an asset for Dagster. Pure text, run by the tests.

Both launch the task that quickstart has registered, on the Flyte that it has started.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["ASSETS_FILE", "DAG_FILE", "airflow_connection", "assets", "dag", "installation"]

DAG_FILE = "quickstart_dag.py"
ASSETS_FILE = "quickstart_assets.py"

_DAG = '''\
"""Airflow runs a task in Flyte, and hands what it gave back to the next task."""

from airflow.sdk import dag, task
from airflow_provider.operators.flyte import FlyteRunOperator


@dag(schedule=None)
def flyte_quickstart():
    greet = FlyteRunOperator(
        task_id="greet",
        entity="{entity}",
        inputs={{"who": "Airflow", "n": 7}},
    )

    @task
    def report(greeting, square):
        print(greeting, square)

    report(greet.output["greeting"], greet.output["square"])


flyte_quickstart()
'''

_ASSETS = '''\
"""A task in Flyte as a Dagster asset: its outputs are the asset's metadata."""

import dagster as dg
from dagster_integration import FlyteResource, build_flyte_assets

greeting = build_flyte_assets(
    "{entity}",
    key="greeting",
    inputs={{"who": "Dagster", "n": 7}},
)

defs = dg.Definitions(
    assets=[greeting],
    resources={{
        "flyte": FlyteResource(
            endpoint="{endpoint}",
            insecure=True,
            project="{project}",
            domain="{domain}",
            console_endpoint="{console}",
        )
    }},
)
'''


def dag(entity: str) -> str:
    """The DAG; its connection is `airflow_connection`."""
    return _DAG.format(entity=entity)


def assets(entity: str, config: Config) -> str:
    """The asset with its resource."""
    return _ASSETS.format(
        entity=entity,
        endpoint=config.endpoint,
        project=config.project,
        domain=config.domain,
        console=config.console_endpoint,
    )


def airflow_connection(config: Config) -> str:
    """A line for a shell that sets the connection ``flyte_default``."""
    host, _, port = config.endpoint.rpartition(":")
    connection = {
        "conn_type": "flyte",
        "host": host,
        "port": int(port),
        "extra": {
            "insecure": True,
            "project": config.project,
            "domain": config.domain,
            "console_endpoint": config.console_endpoint,
        },
    }
    return f"export AIRFLOW_CONN_FLYTE_DEFAULT={shlex.quote(json.dumps(connection))}"


def installation(extra: str) -> str:
    """How to install this very package with an extra: from the wheel or folder that it was installed from (PEP 610), if it was.

    Args:
        extra: Its name.
    """
    from importlib import metadata
    from urllib.parse import unquote, urlsplit

    what = "flyte-bridge"
    try:
        url = json.loads(metadata.distribution(what).read_text("direct_url.json") or "{}").get("url", "")
    except (metadata.PackageNotFoundError, ValueError):
        url = ""
    if url.startswith("file://"):
        what = unquote(urlsplit(url).path)
    elif url:
        return f"pip install {shlex.quote(f'{what}[{extra}] @ {url}')}"
    return f"pip install {shlex.quote(f'{what}[{extra}]')}"
