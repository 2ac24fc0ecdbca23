"""What is registered in Flyte as Dagster assets, translated by rules of yours. The code location loads whatever Flyte does.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_catalog.py
"""

import tempfile
from pathlib import Path

import dagster as dg

from dagster_integration import (
    FlyteEntityProps,
    FlyteResource,
    FlyteTranslator,
    build_flyte_assets,
    load_flyte_asset_specs,
)

flyte = FlyteResource(project="flytesnacks", domain="development")


class OurTranslator(FlyteTranslator):
    """One group per module, and a metadata entry of our own."""

    def get_asset_spec(self, props: FlyteEntityProps) -> dg.AssetSpec:
        """Called for each asset."""
        spec = super().get_asset_spec(props)
        return spec.replace_attributes(group_name=props.name.split(".")[0]).merge_attributes(metadata={"team": "ml"})


specs = load_flyte_asset_specs(
    flyte,
    selector="workflows.train",
    translator=OurTranslator(),
    split="output",
    state_file=Path(tempfile.gettempdir()) / "flyte_bridge_example_state.json",
)
assets = (
    [build_flyte_assets("workflows.train", specs=specs, inputs={"day": "2026-11-20", "epochs": 3})] if specs else []
)

defs = dg.Definitions(assets=assets, resources={"flyte": flyte})
