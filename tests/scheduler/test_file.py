"""Broken files: file, line and fix for everything at once; hostile ones are refused before they grow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge_core import ConfigError, Cron, FixedRate, RunOptions, TriggerTime
from bridge_core.scheduler import Missed, Overlap, TriggerFile, read_triggers

HEAD = "triggers:\n  - name: a\n    entity: pkg.wf\n"


def read(text: str) -> TriggerFile:
    return read_triggers("triggers.yaml", text)


def test_a_file() -> None:
    file = read("""
name: team-a
defaults: {timezone: Europe/Berlin, missed: all, options: {labels: {team: a}}}
triggers:
  - name: nightly
    entity: task:a/b/pkg.t@v1
    cron: "0 3 * * 1-5"
    inputs: {day: $trigger_time, top: 10, text: "10", deep: {list: [1, null, 2.5, true]}}
    missed: latest
    missed_window: 24h
    jitter: 30
    max_concurrency: 1
    overlap: queue
    start: 2026-12-01T00:00:00Z
    end: "2027-12-01T00:00:00+01:00"
  - {name: often, entity: pkg.wf, every: 1h30m, auto_activate: false}
  - {name: rate, entity: pkg.wf, interval_minutes: 15, start_time: 2026-12-01T00:00:00Z, options: {env_vars: {A: "1"}}}
""")
    nightly, often, rate = file.entries
    assert file.name == "team-a"
    assert nightly.trigger.automation == Cron("0 3 * * 1-5", timezone="Europe/Berlin")
    assert nightly.trigger.inputs == {
        "day": TriggerTime,
        "top": 10,
        "text": "10",
        "deep": {"list": [1, None, 2.5, True]},
    }
    assert (nightly.missed, nightly.missed_window, nightly.overlap) == (Missed.LATEST, 86400, Overlap.QUEUE)
    assert nightly.start == datetime(2026, 12, 1, tzinfo=UTC)
    assert often.missed is Missed.ALL
    assert often.paused
    assert rate.trigger.automation == FixedRate(15, start_time=datetime(2026, 12, 1, tzinfo=UTC))
    assert rate.trigger.options == RunOptions(labels={"team": "a"}, env_vars={"A": "1"})


@pytest.mark.parametrize(
    ("text", "line", "shown", "fix"),
    [
        (HEAD + '    cron: "0 0 32 2 *"', 4, "32 is out of range 1-31", "write"),
        (HEAD + '    cron: "0 0 30 2 *"', 4, "never fires", "write '28'"),
        (HEAD + '    cron: "0 0 * * *"\n    timezone: Mars/Olympus', 5, "'Mars/Olympus' is not in the IANA", "Europe/Berlin"),
        (HEAD + '    cron: "0 0 * * *"\n    timezone: [UTC]', 5, "['UTC'] is not in the IANA", "did you mean UTC"),
        ("defaults: {timezone: Europ/Berlin}\n" + HEAD + '    cron: "@daily"', 1, "'Europ/Berlin'", "Europe/Berlin"),
        (HEAD + "    interval_minutes: 0", 4, "got 0", "FixedRate(15)"),
        (HEAD + "    interval_minutes: -3", 4, "got -3", "FixedRate(15)"),
        (HEAD + "    every: 0s", 4, "at least 1 s", "@every 15m"),
        (HEAD + "    every: -5m", 4, "at least 1 s", "@every 15m"),
        (HEAD + "    every: 5m\n    start: 2026-02-01T00:00:00Z\n    end: 2026-01-01T00:00Z", 6, "not after start", "later end"),
        (HEAD + '    cron: "@daily"\n    start: 2026-02-01', 5, "no moment with a time zone", "start: 2026-12-01T00:00:00Z"),
        (HEAD + '    cron: "@daily"\n  - name: a\n    entity: b\n    every: 5m', 5, "is there already, on line 2", "another one"),
        (HEAD + '    cron: "@daily"\n    misssed: all', 5, "unknown key 'misssed'", "did you mean 'missed'"),
        (HEAD + '    cron: "@daily"\n    missed: maybe', 5, "one of all, latest, none", "got 'maybe'"),
        (HEAD + '    cron: "@daily"\n    jitter: fast', 5, "'fast' is not a duration", "write"),
        (HEAD + '    cron: "@daily"\n    max_concurrency: 0', 5, "from 1 up, got 0", "leave it out"),
        (HEAD + '    cron: "@daily"\n    every: 5m', 4, "found cron and every", "write cron"),
        (HEAD, 2, "found none", 'write cron: "0 3 * * *"'),
        (HEAD + '    cron: "@daily"\n    options: {colour: red}', 5, "unknown run option 'colour'", "known are"),
        (HEAD + '    cron: "@daily"\n    inputs: [1]', 2, "inputs must be a mapping", "write inputs"),
        ("triggers:\n  - name: a\n    entity: bogus:b\n    every: 5m", 2, "unknown kind 'bogus'", "launch_plan"),
        ("triggers:\n  - entity: b\n    every: 5m", 2, "trigger on line 2: name is missing", "write name"),
        ("triggers:\n  - {name: a, entity: [b], every: 5m}", 2, "entity must be a text, got ['b']", "write entity"),
        ("triggers:\n  - 5", 1, "must be a mapping", "name and entity"),
        ("triggers: {}", 1, "a list 'triggers:'", "one item per trigger"),
        ("", 1, "a list 'triggers:'", "one item per trigger"),
        ("triggers:\n  - {name: a", 3, "not YAML", "check indentation"),
        ("triggers:\n\t- a", 2, "not YAML", "check indentation"),
        ("triggers:\n  - name: a\n    name: b", 3, "the key 'name' is there already, on line 2", "keep one"),
        ("triggers:\n  - 5: a", 2, "the key 5 is not text", "quotes"),
        ("triggers: []\n---\ntriggers: []", 2, "a second document", "keep one"),
        ("triggers: [!!python/object/apply:os.system [ls]]", 1, "tag", "plain values"),
        ("triggers:\n  - {name: 2026-13-45T00:00:00Z}", 2, "looks like timestamp", "quotes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_line_and_fix(text: str, line: int, shown: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert f"triggers.yaml, line {line}: " in str(caught.value)
    assert shown in str(caught.value)
    assert fix in str(caught.value)


def test_all_problems_at_once_in_order() -> None:
    with pytest.raises(ConfigError) as caught:
        read(
            HEAD + '    cron: "60 * * * *"\n  - name: b\n    entity: pkg.wf\n    every: 0s\n'
            "  - name: b\n    entity: pkg.wf\n    every: 1m"
        )
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        f"triggers.yaml, line {number}" for number in (4, 7, 8)
    ]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [BOMB, "triggers: &x [*x]", "triggers:\n  - &base {name: a}\n  - <<: *base"])
def test_bombs_are_refused_where_they_begin(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"line \d: anchors \(&\) and aliases \(\*\) are not read; write the values out"
    ):
        read(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "x"])
def test_bottomless_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1: (nested more than 20 deep|not YAML)"):
        read(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_triggers(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"triggers: [\xff]")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_triggers(tmp_path / "latin.yaml")


def test_a_wrong_zone_is_said_in_the_words_of_the_file_and_hides_no_wrong_cron() -> None:
    with pytest.raises(ConfigError) as caught:
        read(HEAD + '    cron: "0 3 * * 8"\n    timezone: Europe/Berln')
    first, second = str(caught.value).splitlines()
    assert first.startswith("triggers.yaml, line 4: trigger 'a': cron '0 3 * * 8': ")
    assert second.startswith("triggers.yaml, line 5: trigger 'a': timezone 'Europe/Berln' is not in the IANA database")
