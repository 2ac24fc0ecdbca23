"""In a real browser, on Dagster's own page of an asset: the link to Flyte, the metadata of the run, the columns of its table.

A screenshot is left where ``FLYTE_BRIDGE_SCREENSHOTS`` points to, for somebody to look at.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from flyteidl.core import literals_pb2, types_pb2
from support.browser import running_browser
from support.flyte import INTEGER, RawFlyte

from dagster_integration import FlyteResource, build_flyte_assets

if TYPE_CHECKING:
    from conftest import Running

    from bridge_core.sandbox import Sandbox

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(300)]
SHOTS = os.environ.get("FLYTE_BRIDGE_SCREENSHOTS")
COLUMNS = {"region": types_pb2.STRING, "amount": types_pb2.FLOAT, "sold_at": types_pb2.DATETIME}
TABLE = types_pb2.StructuredDatasetType(
    columns=[
        types_pb2.StructuredDatasetType.DatasetColumn(name=name, literal_type=types_pb2.LiteralType(simple=kind))
        for name, kind in COLUMNS.items()
    ],
    format="parquet",
)


def table(uri: str) -> Any:
    found = literals_pb2.Literal()
    found.scalar.structured_dataset.uri = uri
    found.scalar.structured_dataset.metadata.structured_dataset_type.CopyFrom(TABLE)
    return found


def shows(browser: Any, text: str) -> None:
    """Waits until it stands on the page, which Dagster builds after it is loaded."""
    browser.until(f"document.body.innerText.includes({json.dumps(text)})", 60)


def test_the_page_of_an_asset_shows_link_metadata_and_columns(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, running: Running, flyte: FlyteResource, name: str, tmp_path: Path
) -> None:
    inputs = {"sales": types_pb2.LiteralType(structured_dataset_type=TABLE), "rows": INTEGER}
    raw.register(name, inputs, defaults={"sales": table("s3://lake/daily_sales")})
    asset = build_flyte_assets(name, key="daily_sales", inputs={"rows": 1204}, poll_interval=0.1)
    with running.home.instance() as instance:
        assert dg.materialize([asset], resources={"flyte": flyte}, instance=instance).success
    with flyte.get_client() as client:
        (ref,) = [run.ref for run in client.list_runs(limit=50) if run.entity is not None and run.entity.name == name]
    with running_browser(tmp_path) as browser:
        browser.open(f"{running.webserver.url}/assets/daily_sales", width=1400, height=1000)
        for text in ("flyte/run_name", ref.name, "1204", "s3://lake/daily_sales", *COLUMNS):
            shows(browser, text)
        link = f"[...document.querySelectorAll('a')].find(a => a.href.endsWith('/executions/{ref.name}'))"
        browser.until(f"!!{link}", 60)
        assert browser.run(f"{link}.href").startswith(flyte_sandbox.console_url)
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            browser.screenshot(Path(SHOTS) / "dagster_asset.png")
        browser.open(browser.run(f"{link}.href"))
        shows(browser, ref.name)
