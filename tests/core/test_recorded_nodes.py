"""Task executions as a real FlytePropeller reports them: a map has one item each, however often each was tried."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import task_execution_pb2
from google.protobuf import json_format

from bridge_core.backends.flyte1.node_values import attempt

RECORDED = Path(__file__).parents[1] / "conformance" / "recorded" / "flytepropeller-1.16.8.json.gz"


def maps() -> dict[str, Any]:
    """Case -> the last task execution of its map."""
    found = {}
    for case in json.loads(gzip.decompress(RECORDED.read_bytes()))["cases"]:
        for task in tasks(case["real"]["nodes"]):
            if task["closure"].get("metadata", {}).get("external_resources"):
                message = task_execution_pb2.TaskExecution()
                found[case["case"]] = json_format.ParseDict(task, message, ignore_unknown_fields=True)
                message.id.task_id.name = "t"  # what was recorded leaves it out
    return found


def tasks(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        yield from node["tasks"]
        yield from tasks(node["children"])


MAPS = maps()


@pytest.mark.parametrize("case", MAPS)
def test_each_item_is_told_once_with_its_last_try(case: str) -> None:
    resources = MAPS[case].closure.metadata.external_resources
    seen = attempt(MAPS[case])
    assert len(seen.items) == len(seen.item_attempts) == len({item.index for item in resources})
    assert sum(seen.item_attempts) == len(resources)


def test_items_that_were_tried_again() -> None:
    assert attempt(MAPS["map_retry_fail"]).items == ("SUCCEEDED", "FAILED")
    assert attempt(MAPS["map_retry_fail"]).item_attempts == (1, 2)
    assert attempt(MAPS["v_map_exit"]).item_attempts == (1, 4)
    assert attempt(MAPS["map"]).items == ("SUCCEEDED",) * 3


def test_items_out_of_order_and_logs_of_items() -> None:
    message = task_execution_pb2.TaskExecution()
    message.id.task_id.name = "t"
    for index, retry, phase in ((1, 1, "SUCCEEDED"), (0, 0, "FAILED"), (1, 0, "FAILED"), (2, 0, "UNDEFINED")):
        item = message.closure.metadata.external_resources.add(index=index, retry_attempt=retry, phase=phase)
        item.logs.add(name="pod", uri=f"http://log/{index}/{retry}")
    seen = attempt(message)
    assert seen.items == ("FAILED", "SUCCEEDED", "UNDEFINED")
    assert seen.item_attempts == (1, 2, 1)
    assert [(log.item, log.uri) for log in seen.logs] == [
        (1, "http://log/1/1"),
        (0, "http://log/0/0"),
        (1, "http://log/1/0"),
        (2, "http://log/2/0"),
    ]
