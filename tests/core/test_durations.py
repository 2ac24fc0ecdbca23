"""Durations as texts: one reading of Go's, one of values, whoever asks."""

from __future__ import annotations

import argparse
from datetime import timedelta
from fractions import Fraction

import pytest

from bridge_core import Config, ConfigError, Cron, InvalidRequest
from bridge_core.cli.common import seconds
from bridge_core.model.durations import NoDuration, parse_duration, parse_go_duration

GO = {
    "0": 0, "0s": 0, "5s": 5, "1478s": 1478, "-5s": -5, "+5s": 5, "5.0s": 5,
    "5.6s": Fraction(28, 5), "5.s": 5, ".5s": Fraction(1, 2),
    "1ns": Fraction(1, 10**9), "11us": Fraction(11, 10**6), "12µs": Fraction(12, 10**6), "12μs": Fraction(12, 10**6),
    "13ms": Fraction(13, 1000), "1h30m": 5400, "3h30m": 12600,
    "10.5s4m": Fraction(501, 2), "39h9m14.425s": Fraction(140954425, 1000),
    "1m1m": 120,
}  # fmt: skip
"""Go's own table (time_test.go, parseDurationTests), shortened."""

NOT_GO = ["", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "1w", "1h 30m", "x", "1hh", "PT1H", "1e3s", "1h-30m"]


@pytest.mark.parametrize(("text", "wanted"), GO.items())
def test_gos_durations(text: str, wanted: Fraction) -> None:
    assert parse_go_duration(text) == wanted


@pytest.mark.parametrize("text", NOT_GO)
def test_what_go_refuses(text: str) -> None:
    with pytest.raises(NoDuration):
        parse_go_duration(text)
    if text != "3":
        with pytest.raises(argparse.ArgumentTypeError, match="or a duration like 1h30m"):
            seconds(text)
        with pytest.raises(InvalidRequest, match="'@every 1h30m'"):
            Cron(f"@every {text}")


def test_the_same_everywhere() -> None:
    assert seconds("1h30m") == 5400
    assert Cron("@every 1h30m").interval == 5400
    assert Config.for_endpoint("h:1", rpc_timeout=5).rpc_timeout == 5
    assert parse_duration("1h30m") == timedelta(hours=1, minutes=30)


@pytest.mark.parametrize(("text", "wanted"), [("1m30s", 90.0), ("90", 90.0), (".5s", 0.5)])
def test_settings(monkeypatch: pytest.MonkeyPatch, text: str, wanted: float) -> None:
    monkeypatch.setenv("FLYTE_AWS_BACKOFF_SECONDS", text)
    assert Config.auto(search_cwd=False).s3.backoff == wanted


@pytest.mark.parametrize("text", ["-1m", "1d", "soon"])
def test_settings_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FLYTE_AWS_BACKOFF_SECONDS", text)
    with pytest.raises(ConfigError, match="must be a duration like '15s'"):
        _ = Config.auto(search_cwd=False)
