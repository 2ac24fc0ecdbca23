"""The pure parts: connection fields, events, run names, values in XComs, metadata. No Airflow is imported here."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from airflow_provider import get_provider_info
from airflow_provider._connection import EXTRA_KEYS, config_from_connection
from airflow_provider._event import EventError, RunEvent
from airflow_provider._launching import build_request, explained
from airflow_provider._outputs import checked_selection, output_xcoms
from airflow_provider._run_name import TaskKey
from airflow_provider._sweep import TaskId, Watchlist, rivals, unattended
from airflow_provider._values import from_xcom, output_of, reference_to_output, to_xcom
from bridge_core import (
    ConfigError,
    DirectoryRef,
    FileRef,
    FrameRef,
    InvalidRequest,
    LiteralError,
    Provenance,
    RunError,
    RunPhase,
    RunRef,
    RunSnapshot,
    WaitTimeout,
    run_name,
)

REF = RunRef("p", "d", "r")


@pytest.fixture(autouse=True)
def _no_flyte_settings(monkeypatch, tmp_path):
    """Neither this machine's environment nor its home directory decides what these tests see."""
    import os

    for name in [name for name in os.environ if name.startswith(("FLYTE", "_FLYTECTL", "UCTL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def connect(host=None, port=None, extra=None, **more):
    return config_from_connection(
        "my_flyte", host=host, port=port, extra=json.dumps(extra) if isinstance(extra, dict) else extra, **more
    )


class TestConnection:
    @pytest.mark.parametrize(
        ("host", "port", "endpoint"),
        [
            ("flyte.example.com", None, "flyte.example.com"),
            ("flyte.example.com", 443, "flyte.example.com:443"),
            ("flyte.example.com:443", None, "flyte.example.com:443"),
            ("flyte.example.com:443", 443, "flyte.example.com:443"),
            ("dns:///flyte.example.com", 443, "flyte.example.com:443"),
            (" flyte.example.com/ ", 80, "flyte.example.com:80"),
            ("[::1]", 80, "[::1]:80"),
            ("[::1]:80", None, "[::1]:80"),
            ("::1", 30080, "[::1]:30080"),
            ("2001:db8::1", None, "[2001:db8::1]"),
            ("[::1]", 30080, "[::1]:30080"),
            ("dns:///[::1]:443", None, "[::1]:443"),
            (None, None, "localhost:30080"),
        ],
    )
    def test_endpoint(self, host, port, endpoint):
        assert connect(host, port).endpoint == endpoint

    def test_every_key_of_extra(self, tmp_path):
        given = {
            "auth_mode": "token",
            "ca_cert_file": "/etc/ca.pem",
            "console_endpoint": "https://console",
            "data_upload_location": "s3://b/p",
            "domain": "production",
            "insecure": "false",
            "insecure_skip_verify": False,
            "metadata": {"Authorization": "Bearer token-of-mine"},
            "project": "p",
            "rpc_timeout": "30",
            "scopes": "all, offline",
            "token": "secret-of-mine",
        }
        assert set(given) == set(EXTRA_KEYS) - {"config_file"}
        config = connect("h", extra=given)
        assert (config.ca_cert_file, config.console_endpoint, config.project) == ("/etc/ca.pem", "https://console", "p")
        assert (config.domain, config.insecure, config.rpc_timeout) == ("production", False, 30.0)
        assert config.metadata == (("authorization", "Bearer token-of-mine"),)
        assert (config.auth.mode, config.auth.scopes) == ("Token", ("all", "offline"))
        assert config.auth.token.reveal() == "secret-of-mine"
        assert "of-mine" not in repr(config)

    def test_login_and_password_are_client_credentials(self):
        auth = connect("h", login="me", password="geheim").auth
        assert (auth.mode, auth.client_id, auth.client_secret.reveal()) == ("ClientSecret", "me", "geheim")
        assert "geheim" not in repr(connect("h", login="me", password="geheim"))
        assert connect("h", login="me", password="geheim", extra={"auth_mode": "Pkce"}).auth.mode == "Pkce"

    def test_the_form_offers_what_extra_may_hold(self):
        (kind,) = get_provider_info()["connection-types"]
        assert set(kind["conn-fields"]) == set(EXTRA_KEYS) - {"metadata"}

    def test_fields_of_airflow_2_forms(self):
        assert connect("h", extra={"extra__flyte__project": "p"}).project == "p"

    def test_empty_values_are_not_given(self, monkeypatch):
        monkeypatch.setenv("FLYTE_LOCAL_PROJECT", "from-environment")
        assert connect("h", extra={"project": "", "domain": None}).project == "from-environment"

    def test_connection_wins_over_environment_wins_over_file(self, monkeypatch, tmp_path):
        file = tmp_path / "flyte.yaml"
        file.write_text("admin:\n  endpoint: from-file:1\n  insecure: true\nconsole:\n  endpoint: http://from-file\n")
        monkeypatch.setenv("FLYTE_PLATFORM_URL", "from-environment:2")
        monkeypatch.setenv("FLYTE_LOCAL_PROJECT", "from-environment")
        config = connect(extra={"config_file": str(file), "project": "from-connection"})
        assert (config.endpoint, config.insecure) == ("from-environment:2", True)
        assert (config.console_endpoint, config.project) == ("http://from-file", "from-connection")
        assert connect("from-connection:3", extra={"config_file": str(file)}).endpoint == "from-connection:3"

    def test_nothing_comes_from_the_working_directory(self, monkeypatch, tmp_path):
        (tmp_path / "config.yaml").write_text("admin:\n  endpoint: wrong:1\n")
        monkeypatch.chdir(tmp_path)
        assert connect().endpoint == "localhost:30080"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"extra": {"insecur": True}}, "unknown key 'insecur' in extra; did you mean 'insecure'?"),
            ({"extra": {"zzz": 1}}, "unknown key 'zzz' in extra; known are auth_mode, ca_cert_file"),
            ({"extra": "{nope"}, "extra is not JSON (line 1, column 2"),
            ({"extra": "[1]"}, "extra must be a JSON object"),
            ({"extra": {"insecure": "maybe"}}, "insecure in extra must be true or false, got 'maybe'"),
            ({"extra": {"project": 3}}, "project in extra must be a text, got 3"),
            ({"extra": {"rpc_timeout": "soon"}}, "rpc_timeout in extra must be a number of seconds"),
            ({"extra": {"config_file": "/does/not/exist.yaml"}}, "/does/not/exist.yaml does not exist"),
            ({"host": "h:1", "port": 2}, "host 'h:1' and port 2 contradict each other"),
            ({"port": 2}, "port 2 without a host"),
            ({"host": "http://h"}, "Flyte speaks gRPC"),
            ({"host": "h", "schema": "s"}, "schema is set, and Flyte has no use for it"),
            ({"extra": {"token": ["geheim"]}}, "token in extra must be a text"),
            ({"extra": {"scopes": {"a": "b"}}}, "scopes in extra must be texts"),
            ({"extra": {"metadata": "Bearer geheim"}}, "metadata in extra must be an object of texts"),
            ({"extra": {"metadata": {"authorization": ["geheim"]}}}, "metadata in extra must be an object of texts"),
        ],
    )
    def test_mistakes(self, arguments, message):
        with pytest.raises(ConfigError) as caught:
            connect(**arguments)
        assert str(caught.value).startswith("connection 'my_flyte': ")
        assert message in str(caught.value)
        assert "geheim" not in str(caught.value)


class TestEvent:
    def test_round_trip_of_an_end(self):
        error = RunError(code="USER:Boom", message="ValueError: negative lr", kind="USER", node="train")
        event = RunEvent.ended(RunSnapshot(ref=REF, phase=RunPhase.FAILED, error=error, console_url="http://c"))
        assert RunEvent.from_dict(json.loads(json.dumps(event.to_dict())), expected=REF) == event
        assert event.code == "USER:Boom"
        assert event.message == "run p/d/r FAILED in node train: ValueError: negative lr. Console: http://c"

    def test_giving_up_is_not_an_end(self):
        last = RunSnapshot(ref=REF, phase=RunPhase.RUNNING)
        event = RunEvent.gave_up(REF, WaitTimeout("too long", ref=REF, snapshot=last))
        assert (event.phase, event.code, event.message) == (RunPhase.RUNNING, "WaitTimeout", "too long")
        assert RunEvent.gave_up(REF, OSError("x")).phase is RunPhase.UNKNOWN

    def test_message_is_short(self):
        error = RunError(code="c", message="x" * 50_000)
        event = RunEvent.ended(RunSnapshot(ref=REF, phase=RunPhase.FAILED, error=error))
        assert len(event.message) == 1000
        assert len(json.dumps(event.to_dict())) < 1300

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 2}, "run different releases of flyte-bridge"),
            ({"version": None}, "version None"),
            ({"phase": "DONE"}, "malformed"),
            ({"run": {"name": "r"}}, "malformed"),
            ({"run": "p/d/r"}, "malformed"),
            ({"message": None}, "malformed"),
            ({"code": 3}, "malformed"),
            (
                {"run": {"project": "p", "domain": "d", "name": "other"}},
                "about run p/d/other, this task waits for p/d/r",
            ),
        ],
    )
    def test_what_is_not_trusted(self, change, message):
        good = RunEvent(ref=REF, phase=RunPhase.SUCCEEDED).to_dict()
        with pytest.raises(EventError, match=message):
            RunEvent.from_dict({**good, **change}, expected=REF)

    @pytest.mark.parametrize("nothing", [None, "success", []])
    def test_no_event(self, nothing):
        with pytest.raises(EventError, match="must be a mapping"):
            RunEvent.from_dict(nothing)


class TestRunName:
    @staticmethod
    def key(*, retries=2, identity="", installation="", **changes):
        ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "max_tries": 2, "try_number": 1}
        ti = SimpleNamespace(**{**ti, **changes})
        return TaskKey(ti, retries=retries, identity=identity, installation=installation)

    def test_retries_keep_the_name(self):
        assert self.key().name(0) == self.key(try_number=2).name(0) == self.key(try_number=3).name(0)

    def test_clearing_changes_it(self):
        # Measured on Airflow 3.3.2, retries=2: after clearing a success once, twice, and after three tries.
        names = {self.key(max_tries=tries).name(0) for tries in (2, 3, 4, 5)}
        assert len(names) == 4

    def test_what_else_changes_it(self):
        others = [
            self.key().name(1),
            self.key(map_index=0).name(0),
            self.key(task_id="u").name(0),
            self.key(run_id="s").name(0),
            self.key(dag_id="e").name(0),
            self.key(identity="other").name(0),
        ]
        assert len({self.key().name(0), *others}) == 7

    def test_the_same_airflow_under_another_name_keeps_it(self):
        assert self.key(installation="a").name(0) == self.key(installation="b").name(0)

    def test_names_say_whose_they_are_and_are_legal(self):
        name = self.key(identity="x").name(0)
        assert name.startswith(self.key(identity="y").family)
        assert re.fullmatch(r"airflow-[a-z2-7]{22}", name)

    def test_legacy_names_are_those_of_the_releases_before(self):
        assert self.key().legacy_name(0) == run_name("d", "r", "t", -1, 0, 0)

    def test_only_what_was_cleared_is_superseded(self):
        before, after = self.key(max_tries=2, identity="x"), self.key(max_tries=3, identity="x")
        assert after.supersedes(before.provenance().identity) is True
        assert before.supersedes(after.provenance().identity) is False
        assert after.supersedes(after.provenance().identity) is False
        assert after.supersedes(self.key(identity="y").provenance().identity) is None

    def test_tasks_without_retries(self):
        assert self.key(retries=None, max_tries=0).epoch == 0
        assert self.key(map_index=None).name(0) == self.key().name(0)

    def test_raising_the_retries_of_a_task_on_its_way_is_no_clear(self):
        assert self.key(retries=1, max_tries=1).name(0) == self.key(retries=3, max_tries=1).name(0)

    def test_text(self):
        assert str(self.key(map_index=3)) == "d.t[3] of r"


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

    @pytest.mark.parametrize("option", ["labels", "env_vars"])
    def test_options_that_became_numbers_name_native_rendering(self, option):
        with pytest.raises(InvalidRequest, match=r"must map text to text, got 1.1.*render_template_as_native_obj=True"):
            self.build(native=True, options={option: {"a": 1.1}})

    def test_inputs_that_became_numbers_name_native_rendering(self):
        error = LiteralError("refused", problems=("inputs.a: expected string",))
        assert "render_template_as_native_obj=True" in str(explained(error, {"a": 1.1}, native=True))
        assert str(explained(error, {"a": 1.1})) == "refused"


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


class TestProviderInfo:
    def test_names_exist(self):
        info = get_provider_info()
        root = Path(__file__).parents[2]
        modules = [
            name for part in ("hooks", "operators", "triggers") for one in info[part] for name in one["python-modules"]
        ]
        classes = [*info["extra-links"], *(kind["hook-class-name"] for kind in info["connection-types"])]
        for module in [*modules, *(name.rpartition(".")[0] for name in classes)]:
            assert (root / f"{module.replace('.', '/')}.py").is_file()

    def test_is_import_free(self):
        code = (
            "import sys; before = set(sys.modules); import airflow_provider; airflow_provider.get_provider_info();"
            "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        added = set(run.stdout.split()) - set(sys.stdlib_module_names)
        assert added == {"airflow_provider"}
