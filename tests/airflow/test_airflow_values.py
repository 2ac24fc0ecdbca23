"""The pure parts that handle values: XComs, outputs, requests, and what the sweep makes of tasks. No Airflow is imported here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

import numpy as np
import pytest
from flyteidl.core import interface_pb2, types_pb2

from airflow_provider._shared.outputs import checked_selection, output_xcoms
from airflow_provider._shared.refusals import PATIENCE, Refusals
from airflow_provider._shared.values import from_xcom, output_of, reference_to_output, to_xcom
from airflow_provider._sweep.unattended import TaskId, Watchlist, rivals, unattended
from airflow_provider._worker.launch_or_attach import build_request, explained
from airflow_provider._worker.lineage import datasets
from bridge_core import (
    Codec,
    DirectoryRef,
    FileRef,
    FrameRef,
    InvalidRequest,
    LiteralError,
    Provenance,
    RunPhase,
    RunRef,
    RunSnapshot,
    Unauthenticated,
)

REF = RunRef("p", "d", "r")


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    at: FileRef


class TestValues:
    @pytest.mark.parametrize(
        ("value", "xcom"),
        [
            ({"a": [1, 2.5, True, None, "x"]}, {"a": [1, 2.5, True, None, "x"]}),
            (math.nan, {"flyte_float": "NaN"}),
            ([math.inf, -math.inf], [{"flyte_float": "Infinity"}, {"flyte_float": "-Infinity"}]),
            (b"\x00\xff", {"flyte_bytes": "AP8="}),
            (Color.RED, "red"),
            ({1: (2, 3)}, {"flyte_map": [[1, [2, 3]]]}),
            (FileRef(uri="s3://b/f", format="csv"), {"flyte_ref": "file", "uri": "s3://b/f", "format": "csv"}),
            (Point(1, FileRef(uri="u")), {"x": 1, "at": {"flyte_ref": "file", "uri": "u"}}),
        ],
    )
    def test_to_xcom(self, value, xcom):
        assert to_xcom(value) == xcom
        json.dumps(to_xcom(value), allow_nan=False)

    @pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)])
    def test_times_stay_themselves(self, value):
        assert to_xcom({"t": value}) == {"t": value}

    def test_what_has_no_form_is_named(self):
        with pytest.raises(InvalidRequest, match="value of type object has no XCom form"):
            to_xcom({"a": object()})

    @pytest.mark.parametrize(
        "value",
        [
            FileRef(uri="s3://b/f", format="csv", size=3),
            DirectoryRef(uri="s3://b/d"),
            FrameRef(uri="s3://b/f", schema=(("a", "integer"),)),
            b"\x00\xff",
            {"deep": [{"er": FileRef(uri="u")}]},
            {"a": {1: "one", 2: {3: [math.inf, -math.inf]}}, "b": [{True: None, "x": 1.0}]},
            {"flyte_bytes": "no bytes"},
            {"flyte_float": "NaN"},
            {"flyte_map": []},
            {"flyte_ref": "file", "uri": "a user's own"},
            {"flyte_ref": "output", "uri": "flyte://p/d/r/o0"},
            {"flyte_bytes": {"flyte_bytes": {"flyte_map": {1: b"x"}}}},
        ],
    )
    def test_outputs_of_one_task_are_inputs_of_another(self, value):
        assert from_xcom(json.loads(json.dumps(to_xcom(value)))) == value

    def test_nan_comes_back(self):
        (back,) = from_xcom(json.loads(json.dumps(to_xcom({"a": [math.nan]}), allow_nan=False)))["a"]
        assert math.isnan(back)

    def test_what_stayed_in_flyte_is_fetched_where_it_is_used(self):
        asked = []

        def load(run, name):
            asked.append((run, name))
            return b"big"

        xcom = json.loads(json.dumps({"rows": reference_to_output(REF, "o0"), "n": [1]}))
        assert from_xcom(xcom, load) == {"rows": b"big", "n": [1]}
        assert asked == [(REF, "o0")]
        assert output_of(xcom["rows"]) == (REF, "o0")
        assert output_of({"flyte_ref": "file", "uri": "s3://b"}) is None

    def test_other_mappings_are_left_alone(self):
        value = {"flyte_ref": "unknown", "n": {"flyte_bytes": "AP8=", "more": 1}, "t": (1, 2)}
        assert from_xcom(value) == value


class TestOutputs:
    """Airflow's database keeps every XCom."""

    def stored(self, values, *, limit=1_000_000, each=True, selected=None):
        return output_xcoms(REF, values, limit=limit, each=each, selected=selected)

    def test_small_ones_stand_twice(self):
        xcoms = self.stored({"o0": 1, "o1": "x"})
        assert xcoms.returned == xcoms.named == {"o0": 1, "o1": "x"}

    def test_big_ones_stand_once(self):
        values = {"big": "x" * 60_000, "bigger": "y" * 70_000, "small": 3}
        xcoms = self.stored(values)
        assert xcoms.named == values
        assert xcoms.returned == {**values, "bigger": {"flyte_ref": "output", "uri": "flyte://p/d/r/bigger"}}
        assert len(json.dumps(xcoms.returned)) + len(json.dumps(xcoms.named)) < 1.6 * len(json.dumps(values))

    def test_what_is_too_big_stays_in_flyte(self):
        xcoms = self.stored({"o0": "x" * 2000, "o1": 1}, limit=1000)
        assert xcoms.named == xcoms.returned == {"o0": reference_to_output(REF, "o0"), "o1": 1}

    def test_without_single_xcoms_the_values_are_returned(self):
        xcoms = self.stored({"o0": "x" * 100_000}, each=False)
        assert (xcoms.named, xcoms.returned) == ({}, {"o0": "x" * 100_000})

    def test_names_of_ours_keep_both(self):
        xcoms = self.stored({"return_value": 1, "flyte_run": 2, "o0": 3})
        assert xcoms.named == {"flyte_output_return_value": 1, "flyte_output_flyte_run": 2, "o0": 3}
        assert xcoms.returned == {"return_value": 1, "flyte_run": 2, "o0": 3}

    def test_only_what_is_selected(self):
        assert self.stored({"o0": object(), "o1": 1}, selected=("o1",)).named == {"o1": 1}
        with pytest.raises(InvalidRequest, match="has no output 'o2'; it has o0"):
            self.stored({"o0": 1}, selected=("o2",))
        with pytest.raises(InvalidRequest, match="outputs must be a list of names"):
            checked_selection("o0")


class TestRequests:
    def build(self, native=False, **fields):
        given = {"inputs": {}, "options": None, "version": None, "project": None, "domain": None}
        return build_request("pkg.wf", native=native, **{key: fields.pop(key, given[key]) for key in given})

    @pytest.mark.parametrize("field", ["version", "project", "domain"])
    def test_a_text_that_became_a_number_is_refused(self, field):
        with pytest.raises(InvalidRequest, match=f"{field} must be a text, got 1.1 .float.") as native:
            self.build(native=True, **{field: 1.1})
        assert "render_template_as_native_obj=True" in str(native.value)
        assert "{{ … | tojson }}" in str(native.value)
        with pytest.raises(InvalidRequest, match="Write it in quotes"):
            self.build(**{field: 1.1})

    @pytest.mark.parametrize(
        "job",
        [
            {"weights": {"path": "{place}/w"}, "more": [{"path": "s3://b/w"}]},
            {"weights": "{place}/w", "more": [{"flyte_ref": "file", "uri": "s3://b/w"}]},
            '{"weights": {"path": "{place}/w"}, "more": [{"path": "s3://b/w"}]}',
            {"weights": '{"path": "{place}/w"}', "more": '[{"path": "s3://b/w"}]'},
        ],
    )
    def test_files_inside_a_structure_become_uploads_however_they_are_written(self, job, tmp_path):
        """As Python, as XComs, as a template that rendered to JSON, and as JSON inside a mapping."""
        rendered = json.loads(json.dumps(job).replace("{place}", str(tmp_path)))
        request = self.build(inputs={"job": rendered})
        file = {"title": "FlyteFile", "type": "object", "properties": {"path": {"type": "string"}}}
        many = {"type": "array", "items": file}
        kind = types_pb2.LiteralType(simple=types_pb2.STRUCT)
        kind.metadata.update({"title": "Job", "type": "object", "properties": {"weights": file, "more": many}})
        kind.annotation.annotations.update({"cache-key-metadata": {"serialization-format": "msgpack"}})
        parameters = {"job": interface_pb2.Parameter(var=interface_pb2.Variable(type=kind), required=True)}
        encoded = Codec.default().encode_inputs(request.inputs, parameters, coerce_json=request.coerce_json)
        assert [(upload.path, str(upload.source)) for upload in encoded.uploads] == [
            ("inputs.job.weights", f"{tmp_path}/w")
        ]
        assert str(tmp_path) not in str(encoded.literals)

    @pytest.mark.parametrize("option", ["labels", "env_vars"])
    def test_options_that_became_numbers_name_native_rendering(self, option):
        with pytest.raises(InvalidRequest, match=r"must map text to text, got 1.1.*render_template_as_native_obj=True"):
            self.build(native=True, options={option: {"a": 1.1}})

    def test_inputs_that_became_numbers_name_native_rendering(self):
        error = LiteralError("refused", problems=("inputs.a: expected string",))
        assert "render_template_as_native_obj=True" in str(explained(error, {"a": 1.1}, native=True))
        assert str(explained(error, {"a": 1.1})) == "refused"


class TestRefusals:
    def test_patience_ends_when_nobody_lets_us_in(self):
        refusals, error = Refusals(), Unauthenticated("no")
        for now in range(0, int(PATIENCE), 5):
            refusals.bear(error, now)
        with pytest.raises(Unauthenticated):
            refusals.bear(error, PATIENCE)

    def test_a_break_begins_it_anew(self):
        refusals, error = Refusals(), Unauthenticated("no")
        refusals.bear(error, 0)
        refusals.bear(error, 3600)  # an hour of waiting in peace lies between
        refusals.bear(error, 3600 + PATIENCE / 10)
        refusals.over()
        refusals.bear(error, 3600 + PATIENCE)


class TestSweep:
    def run(self, name, task="t", **more):
        by = Provenance(source="airflow", installation="i", job="d", run="r", task=task, awaited=True, **more)
        return RunSnapshot(ref=RunRef("p", "d", name), phase=RunPhase.RUNNING, provenance=by)

    @pytest.mark.parametrize(
        ("state", "ended"),
        [
            (None, True),
            ("success", True),
            ("failed", True),
            ("skipped", True),
            ("upstream_failed", True),
            ("removed", True),
            *((state, False) for state in ("none", "scheduled", "queued", "running", "deferred", "restarting")),
            *((state, False) for state in ("up_for_retry", "up_for_reschedule", "a state of the future")),
        ],
    )
    def test_only_tasks_that_are_over_or_gone_wait_no_more(self, state, ended):
        run = self.run("one")
        task = TaskId.of(run.provenance)
        assert (run in unattended({run: task}, {} if state is None else {task: state}, {})) == ended

    def test_of_two_runs_of_one_task_the_other_one_is_waited_for(self):
        old, new = self.run("old", identity="a/0"), self.run("new", identity="b/0")
        task = TaskId.of(new.provenance)
        awaited = {old: task, new: task}
        assert rivals(awaited) == {task}
        assert list(unattended(awaited, {task: "deferred"}, {task: "new"})) == [old]
        assert not unattended(awaited, {task: "running"}, {task: "old"}), "it is about to say which"

    def test_two_looks_some_time_apart(self):
        watchlist, one, two = Watchlist(60), RunRef("p", "d", "one"), RunRef("p", "d", "two")
        assert not watchlist.due([one], 0)
        assert not watchlist.due([one, two], 59)
        assert watchlist.due([one, two], 60) == [one]
        assert watchlist.due([one], 100) == [one]
        assert watchlist.due([one, two], 130) == [one], "two was attended to in between"


class TestRefusedInputs:
    @pytest.mark.parametrize(
        ("value", "hint"),
        [
            (None, "a came as None"),
            ("None", "a came as None"),
            ('{"b": 1', "a is the text of a template"),
            (np.array([1, 2]), ""),  # compares item by item, and is neither true nor false
            (3, ""),
        ],
    )
    def test_the_way_out_is_said_and_the_refusal_kept(self, value, hint):
        error = explained(LiteralError("refused", problems=("inputs.a: wrong",)), {"a": value, "b": None})
        assert str(error).splitlines()[0] == "refused"
        assert [line[: len(hint)] for line in str(error).splitlines()[1:]] == [hint] * bool(hint)


def test_what_lineage_is_told_of_values():
    values = {
        "n": 3,
        "files": [{"flyte_ref": "file", "uri": "s3://bucket/a/b.csv"}, FileRef(uri="file:///data/c")],
        "deep": {
            "x": {"flyte_ref": "frame", "uri": "gs://other/frame"},
            "again": {"flyte_ref": "file", "uri": "s3://bucket/a/b.csv"},
        },
        "big": reference_to_output(RunRef("ml", "production", "r"), "big"),
        "uri": "s3://only/a/text",
    }
    assert datasets(values) == [("s3://bucket", "a/b.csv"), ("file", "/data/c"), ("gs://other", "frame")]
    assert datasets(None) == []


@pytest.mark.parametrize("key", ["return_value", "flyte_run", "flyte_console_url", "flyte_log_url", "flyte_version"])
def test_an_output_never_takes_the_place_of_a_key_of_ours(key):
    xcoms = output_xcoms(RunRef("ml", "production", "r"), {key: 1}, limit=100, each=True)
    assert xcoms.named == {f"flyte_output_{key}": 1}
