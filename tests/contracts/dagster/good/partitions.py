"""Nothing is wrong here."""

import dagster as dg

from dagster_integration import build_flyte_assets

days = dg.DailyPartitionsDefinition("2026-11-01")
model = build_flyte_assets("ml.train", name="model", partitions_def=days, partition_inputs={"day": "{key}"})
defs = dg.Definitions(assets=[model])
