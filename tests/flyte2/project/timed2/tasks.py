"""Tasks of the Flyte 2 SDK that are fired by triggers."""

from datetime import datetime

import flyte

env = flyte.TaskEnvironment(name="timed2", image="python:3.11")

hourly = flyte.Trigger(
    "timed2-hourly",
    flyte.Cron("0 * * * *", timezone="Europe/Berlin"),
    description="each hour",
    inputs={"at": flyte.TriggerTime, "n": 4},
    env_vars={"MODE": "fast"},
)
demand = flyte.Trigger("timed2-demand", inputs={"n": 7}, auto_activate=False)
plain = flyte.Trigger("timed2-plain", flyte.FixedRate(60), inputs={"at": flyte.TriggerTime}, auto_activate=False)


@env.task(triggers=(hourly, demand))
async def stamped(n: int, at: datetime = datetime(2026, 1, 1), word: str = "w") -> str:
    return f"{at:%Y} {n} {word}"


@env.task(triggers=plain)
async def only(at: datetime) -> str:
    return f"{at:%Y}"
