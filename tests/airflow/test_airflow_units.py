"""The pure parts: connection fields, events, run names, values in XComs, metadata. No Airflow is imported here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider import get_provider_info
from airflow_provider._connection.config import EXTRA_KEYS, config_from_connection, limits_from_connection
from airflow_provider._connection.keys import LIMITS
from airflow_provider._shared.event import EventError, RunEvent
from airflow_provider._shared.task_key import TaskKey
from bridge_core import (
    ConfigError,
    RunError,
    RunOptions,
    RunPhase,
    RunRef,
    RunSnapshot,
    SecurityContext,
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


# key -> (given, setting, what that becomes)
LOGINS = {
    "audience": ("api", "auth.audience", "api"),
    "authorization_header": ("flyte-authorization", "auth.authorization_header", "flyte-authorization"),
    "client_assertion_location": ("/jwt", "auth.client_assertion.location", "/jwt"),
    "client_cert_file": ("/c.pem", "client_cert_file", "/c.pem"),
    "client_key_file": ("/k.pem", "client_key_file", "/k.pem"),
    "client_secret_env_var": ("SECRET", "auth.client_secret.env_var", "SECRET"),
    "client_secret_location": ("/secret", "auth.client_secret.location", "/secret"),
    "command": ("get-token --as 'me of-mine'", "auth.command", ("get-token", "--as", "me of-mine")),
    "command_ttl": ("300", "auth.command_ttl", 300.0),
    "proxy_command": (["get-token", "of-mine"], "auth.proxy_command", ("get-token", "of-mine")),
    "token_env_var": ("TOKEN", "auth.token.env_var", "TOKEN"),
    "token_location": ("/token", "auth.token.location", "/token"),
}
STORES = {
    "default_dir": ("/etc/s", "secrets.default_dir", "/etc/s"),
    "env_prefix": ("_X_", "secrets.env_prefix", "_X_"),
    "file_prefix": ("p-", "secrets.file_prefix", "p-"),
    "gsutil_parallelism": ("true", "gcs.gsutil_parallelism", True),
    "s3_access_key_id": ("minio", "s3.access_key_id", "minio"),
    "s3_backoff": (2, "s3.backoff", 2.0),
    "s3_enable_debug": (True, "s3.enable_debug", True),
    "s3_endpoint": ("http://s3", "s3.endpoint", "http://s3"),
    "s3_retries": ("5", "s3.retries", 5),
    "s3_secret_access_key": ("of-mine", "s3.secret_access_key", "of-mine"),
}
ONLY_IN_EXTRA = {"client_secret_env_var", "command_ttl", "proxy_command", "token_env_var"}


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
            "flyte_version": 2,
            "insecure": "false",
            "insecure_skip_verify": False,
            "metadata": {"Authorization": "Bearer token-of-mine"},
            "org": "acme",
            "project": "p",
            "rpc_timeout": "30",
            "scopes": "all, offline",
            "token": "secret-of-mine",
            "transport": "connect",
        }
        assert set(given) == set(EXTRA_KEYS) - {"config_file"} - set(LOGINS) - set(STORES) - set(LIMITS)
        config = connect("h", extra=given)
        assert (config.flyte_version, config.transport, config.org) == (2, "connect", "acme")
        assert (config.ca_cert_file, config.console_endpoint, config.project) == ("/etc/ca.pem", "https://console", "p")
        assert (config.domain, config.insecure, config.rpc_timeout) == ("production", False, 30.0)
        assert config.metadata == (("authorization", "Bearer token-of-mine"),)
        assert (config.auth.mode, config.auth.scopes) == ("Token", ("all", "offline"))
        assert config.auth.token.reveal() == "secret-of-mine"
        assert "of-mine" not in repr(config)

    @pytest.mark.parametrize("key", LOGINS)
    def test_every_way_to_log_in(self, key):
        given, setting, wanted = LOGINS[key]
        config = connect("h", extra={"client_cert_file": "/c.pem", "client_key_file": "/k.pem", key: given})
        value = reduce(getattr, setting.split("."), config)
        assert (value.reveal() if hasattr(value, "reveal") else value) == wanted
        assert "of-mine" not in repr(config)

    @pytest.mark.parametrize("key", STORES)
    def test_what_the_old_provider_had_for_stores_and_secrets(self, key):
        given, setting, wanted = STORES[key]
        value = reduce(getattr, setting.split("."), connect("h", extra={key: given}))
        assert (value.reveal() if hasattr(value, "reveal") else value) == wanted

    def test_login_and_password_are_client_credentials(self):
        auth = connect("h", login="me", password="geheim").auth
        assert (auth.mode, auth.client_id, auth.client_secret.reveal()) == ("ClientSecret", "me", "geheim")
        assert "geheim" not in repr(connect("h", login="me", password="geheim"))
        assert connect("h", login="me", password="geheim", extra={"auth_mode": "Pkce"}).auth.mode == "Pkce"

    def test_the_form_offers_what_extra_may_hold(self):
        (kind,) = get_provider_info()["connection-types"]
        assert set(kind["conn-fields"]) == set(EXTRA_KEYS) - {"metadata"} - set(STORES) - ONLY_IN_EXTRA

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
            ({"extra": {"zzz": 1}}, "unknown key 'zzz' in extra; known are allowed_domains, allowed_projects"),
            (
                {"extra": {"statsd_host": "h"}},
                "'statsd_host' in extra is of airflow-provider-flyte: this provider counts through",
            ),
            ({"extra": {"local_sandbox_path": "/x"}}, "nothing runs locally here; remove it"),
            ({"extra": {"command": 3}}, "command in extra must be a command line, or a list of its words"),
            ({"extra": {"s3_retries": "many"}}, "s3_retries in extra must be a whole number, got 'many'"),
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


class TestLimits:
    LIMITED = limits_from_connection(
        "team",
        json.dumps(
            {"allowed_projects": "ml, features", "allowed_domains": ["production"], "allowed_service_accounts": "a"}
        ),
    )

    def test_without_limits_everything_is_allowed(self):
        free = limits_from_connection("team", None)
        free.check_place("any", "thing")
        free.check_options(RunOptions())

    @pytest.mark.parametrize(
        ("project", "domain", "message"),
        [
            ("other", "production", "'team' does not allow project 'other', but ml, features"),
            ("ml", "staging", "does not allow domain 'staging', but production"),
        ],
    )
    def test_other_places_are_refused(self, project, domain, message):
        self.LIMITED.check_place("ml", "production")
        with pytest.raises(ConfigError) as caught:
            self.LIMITED.check_place(project, domain)
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (RunOptions(service_account="b"), "does not allow service account 'b', but a"),
            (RunOptions(security_context=SecurityContext(service_account="b")), "does not allow service account 'b'"),
            (RunOptions(), "this run names none; give one of them in options"),
        ],
    )
    def test_other_service_accounts_are_refused(self, options, message):
        self.LIMITED.check_options(RunOptions(service_account="a"))
        with pytest.raises(ConfigError) as caught:
            self.LIMITED.check_options(options)
        assert message in str(caught.value)


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
    def key(*, retries=2, identity="", installation="", single_task=False, **changes):
        ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "max_tries": 2, "try_number": 1}
        ti = SimpleNamespace(**{**ti, **changes})
        return TaskKey(ti, retries=retries, identity=identity, installation=installation, single_task=single_task)

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
        assert re.fullmatch(r"airtask-[a-z2-7]{22}", self.key(single_task=True).name(0))

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
