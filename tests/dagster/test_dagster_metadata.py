"""What a person sees: metadata of results and failures."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bridge_core import (
    DirectoryRef,
    EntityRef,
    FileRef,
    FrameRef,
    InvalidRequest,
    LimitExceeded,
    RunError,
    RunOutputs,
    RunPhase,
    RunRef,
    RunSnapshot,
    Unauthenticated,
    Unavailable,
    WaitTimeout,
)
from dagster_integration._failures import failure_of_error, failure_of_run
from dagster_integration.results import materialize_result, output_metadata

REF = RunRef("ml", "production", "dabc")
URL = "http://flyte.example/console/dabc"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Color(enum.Enum):
    RED = "red"


def snapshot(phase: RunPhase, error: RunError | None = None) -> RunSnapshot:
    return RunSnapshot(
        ref=REF,
        phase=phase,
        entity=EntityRef.launch_plan("pkg.wf", project="ml", domain="production", version="v1"),
        created_at=BEGIN,
        started_at=BEGIN,
        ended_at=BEGIN + timedelta(seconds=90),
        error=error,
        console_url=URL,
    )


def test_a_result_names_the_run_and_carries_its_outputs() -> None:
    metadata = materialize_result(snapshot(RunPhase.SUCCEEDED), RunOutputs({"o0": 3})).metadata
    assert metadata == {
        "flyte/execution": dg.MetadataValue.text("ml/production/dabc"),
        "flyte/run_name": dg.MetadataValue.text("dabc"),
        "flyte/phase": dg.MetadataValue.text("SUCCEEDED"),
        "flyte/entity": dg.MetadataValue.text("launch_plan:ml/production/pkg.wf@v1"),
        "flyte/duration_seconds": dg.MetadataValue.float(90.0),
        "flyte/console": dg.MetadataValue.url(URL),
        "o0": dg.MetadataValue.int(3),
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, dg.MetadataValue.bool(True)),
        (2**40, dg.MetadataValue.int(2**40)),
        (1.5, dg.MetadataValue.float(1.5)),
        (float("nan"), dg.MetadataValue.text("nan")),
        ("text", dg.MetadataValue.text("text")),
        (None, dg.MetadataValue.null()),
        (Color.RED, dg.MetadataValue.text("red")),
        (BEGIN, dg.MetadataValue.timestamp(BEGIN)),
        (BEGIN.replace(tzinfo=None), dg.MetadataValue.text("2026-01-01T00:00:00")),
        (date(2026, 1, 2), dg.MetadataValue.text("2026-01-02")),
        (timedelta(minutes=5), dg.MetadataValue.text("0:05:00")),
        (b"abc", dg.MetadataValue.text("3 bytes")),
        (Path("/data/x"), dg.MetadataValue.path("/data/x")),
        (FileRef(uri="s3://b/f.csv", format="csv"), dg.MetadataValue.path("s3://b/f.csv")),
        (DirectoryRef(uri="s3://b/d"), dg.MetadataValue.path("s3://b/d")),
        ([1, BEGIN, float("inf")], dg.MetadataValue.json([1, "2026-01-01T00:00:00+00:00", "inf"])),
        (
            {"a": {"b": (FileRef(uri="s3://b/f"), Color.RED)}},
            dg.MetadataValue.json({"a": {"b": [{"flyte_ref": "file", "uri": "s3://b/f"}, "red"]}}),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_get_the_type_that_shows_best(value: Any, expected: dg.MetadataValue) -> None:
    shown = output_metadata({"o0": value})["o0"]
    assert (type(shown), shown.value) == (type(expected), expected.value)


@pytest.mark.parametrize("value", ["x" * 100_000, ["x" * 100_000]], ids=["text", "json"])
def test_a_huge_value_is_shortened_and_says_so(value: Any) -> None:
    shown = output_metadata({"o0": value})["o0"]
    assert isinstance(shown, dg.TextMetadataValue)
    assert shown.text is not None
    assert len(shown.text) < 40_000
    assert "characters; Client.outputs gives the whole value" in shown.text


def test_the_only_frame_gives_uri_and_columns() -> None:
    frame = FrameRef(uri="s3://b/frame", schema=(("n", "integer"), ("who", "string")))
    metadata = output_metadata({"o0": frame, "o1": FileRef(uri="s3://b/f")})
    assert metadata["o0"] == dg.MetadataValue.path("s3://b/frame")
    assert metadata["dagster/uri"] == dg.MetadataValue.text("s3://b/frame")
    schema = metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type) for column in schema.columns] == [("n", "integer"), ("who", "string")]


def test_of_several_frames_none_is_the_asset() -> None:
    one, two = FrameRef(uri="s3://b/1", schema=(("n", "integer"),)), FrameRef(uri="s3://b/2")
    assert set(output_metadata({"o0": one, "o1": two})) == {"o0", "o1", "o0/column_schema"}


def test_without_frames_the_only_reference_gives_the_uri() -> None:
    assert output_metadata({"o0": FileRef(uri="s3://b/f")})["dagster/uri"] == dg.MetadataValue.text("s3://b/f")


@pytest.mark.parametrize(("kind", "again"), [("USER", False), ("SYSTEM", True), ("UNKNOWN", True)])
def test_only_the_users_own_error_is_not_retried(kind: str, again: bool) -> None:
    failed = snapshot(RunPhase.FAILED, RunError(code="ValueError", message="negative lr", kind=kind, node="train"))
    failure = failure_of_run(failed)
    assert failure.description == failed.describe()
    assert "negative lr" in failure.description
    assert failure.metadata["flyte/console"] == dg.MetadataValue.url(URL)
    assert failure.metadata["flyte/error_code"] == dg.MetadataValue.text("ValueError")
    assert failure.metadata["flyte/error_kind"] == dg.MetadataValue.text(kind)
    assert failure.allow_retries is again


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (Unavailable("cannot reach Flyte"), True),
        (WaitTimeout("still running"), True),
        (LimitExceeded("concurrency limit"), True),
        (Unauthenticated("the token expired while the run went on"), True),
        (InvalidRequest("bad input"), False),
    ],
)
def test_errors_say_whether_a_retry_can_help(error: Any, again: bool) -> None:
    failure = failure_of_error(error, REF, console_url=URL)
    assert failure.description is not None
    assert failure.description.startswith(str(error))
    assert failure.allow_retries is again
    attaches = isinstance(error, Unavailable | WaitTimeout | Unauthenticated)
    assert ("attaches to run ml/production/dabc" in failure.description) is attaches
    assert ("flyte/execution" in failure.metadata) is attaches
