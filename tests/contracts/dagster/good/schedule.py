"""Nothing is wrong here."""

import dagster as dg

from bridge_core import Cron, Trigger, TriggerTime
from dagster_integration import build_flyte_schedule

nightly = Trigger("nightly", entity="ml.train", automation=Cron("@daily"), inputs={"day": TriggerTime})
defs = dg.Definitions(schedules=[build_flyte_schedule(nightly)])
