"""Agreement with robfig/cron v3, which Flyte's schedulers run: vectors written by robfig itself (robfig/README.md)."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge_core import Cron

VECTORS: list[dict[str, Any]] = json.loads(
    gzip.decompress((Path(__file__).parent / "robfig" / "vectors.json.gz").read_bytes())
)["vectors"]
SLICES = 20


def test_there_are_a_thousand_expressions_of_fifty_fire_times() -> None:
    assert len(VECTORS) == 1000
    assert {len(vector["d"]) for vector in VECTORS} == {50}
    assert len({vector["z"] for vector in VECTORS}) == 20


@pytest.mark.parametrize("part", range(SLICES))
def test_every_fire_time_is_robfigs_forwards_and_backwards(part: int) -> None:
    for vector in VECTORS[part::SLICES]:
        cron = Cron(vector["e"], timezone=vector["z"])
        moment = datetime.fromtimestamp(vector["s"], UTC)
        fires = []
        for delta in vector["d"]:
            moment += timedelta(seconds=delta)
            fires.append(moment)
        found = [cron.next_after(datetime.fromtimestamp(vector["s"], UTC))]
        while len(found) < len(fires) and found[-1] is not None:
            found.append(cron.next_after(found[-1]))
        assert found == fires, (vector["e"], vector["z"])
        if cron.interval is None:
            backwards = [cron.previous_before(later) for later in fires[1::16]]
            assert backwards == fires[0::16][: len(backwards)], (vector["e"], vector["z"])
