"""A secret is never shown: not by repr, str, logs, errors, pickled errors, `config show`, nor an exported mapping."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge_core import Client, Config, ConfigError
from bridge_core.cli.main import main
from bridge_core.config import Secret
from bridge_core.config.keys import KEYS
from bridge_core.config.sources import read_environment

MARKER = "hunter2-MARKER"
HIDDEN = [key for key in KEYS if key.hidden]


def test_order_of_the_three_ways_and_when_they_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    both = Secret("value", env_var="THE_SECRET", location=str(file))
    with pytest.raises(ConfigError, match=r"the secret in file .*secret cannot be read: No such file"):
        both.reveal()
    file.write_text("one\n")
    assert both.reveal() == "one"
    file.write_text("two\n")
    assert both.reveal() == "two"
    variable = Secret("value", env_var="THE_SECRET")
    with pytest.raises(ConfigError, match="variable THE_SECRET, which should hold a secret, is not set"):
        variable.reveal()
    monkeypatch.setenv("THE_SECRET", " three ")
    assert variable.reveal() == "three"
    assert Secret("value").reveal() == "value"
    with pytest.raises(ConfigError, match="none was given"):
        Secret().reveal()


def nested(field: str, value: Any) -> dict[str, Any]:
    out: Any = value
    for name in reversed(field.split(".")):
        out = {name: out}
    return dict(out)


def sample(field: str, marker: str) -> Any:
    if field.endswith("command"):
        return ("program", marker)
    return f"http://me:{marker}@proxy:3128" if field.endswith("http_proxy_url") else marker


@pytest.mark.parametrize("key", HIDDEN, ids=lambda key: key.field)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tail=st.text(alphabet="abcXYZ019-_.", max_size=12))
def test_no_text_form_of_a_config_holds_a_secret(key: Any, tail: str) -> None:
    marker = MARKER + tail
    config = Config.for_endpoint("x:1", **nested(key.field, sample(key.field, marker)))
    for shown in (repr(config), str(config), f"{config}", repr(config.auth), repr(config.s3), repr(config.azure),
                  repr(config.origins), repr(vars(Client(config)))):  # fmt: skip
        assert MARKER not in shown
    if "command" not in key.field:
        with pytest.raises(ConfigError, match="by reference only") as caught:
            config.to_mapping()
        assert MARKER not in str(caught.value)
        assert MARKER.encode() not in pickle.dumps(caught.value)


@pytest.mark.parametrize("output", ["table", "json"])
def test_config_show_masks_secrets_from_every_source(
    output: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for key in HIDDEN:
        raw = sample(key.field, MARKER)
        monkeypatch.setenv(key.variable, raw if isinstance(raw, str) else ",".join(raw))
    assert main(["config", "show", "--output", output, "--log-level", "debug"]) == 0
    out, err = capsys.readouterr()
    assert MARKER not in out + err + caplog.text
    assert MARKER not in repr(read_environment())
    if output == "json":
        rows = {row["key"]: row for row in json.loads(out)["settings"]}
        for key in HIDDEN:
            row = rows[key.field.removesuffix(".value")]
            assert "***" in row["value"] or row["value"].startswith("program (1 argument"), row
            assert row["source"] == f"environment {key.variable}"


def test_malformed_files_do_not_quote_what_they_hold(tmp_path: Path) -> None:
    for name, text in (
        ("a.ini", f"[credentials]\n{MARKER}\n"),
        ("b.ini", f"client_secret = {MARKER}\n"),
        ("c.yaml", f"admin:\n  endpoint: 'x:1'\nstorage:\n  connection:\n    secret-key: [{MARKER}]\n"),
    ):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            Config.auto(file)
        assert MARKER not in str(caught.value)
