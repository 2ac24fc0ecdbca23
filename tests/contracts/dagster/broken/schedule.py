"""Something is wrong: schedule."""

import dagster as dg

from bridge_core import Cron, Trigger
from dagster_integration import build_flyte_schedule

nightly = Trigger("nightly", entity="ml.train", automation=Cron("@daily"), inputs={"dya": "d"})
defs = dg.Definitions(schedules=[build_flyte_schedule(nightly)])  # wrong: dya
