"""The runner of the conformance suite, without the suite: no checkout, what it reads, what it calls a difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from report import Expected, Result, differences, read_expected, read_results, table  # noqa: E402  # the runner's own

JUNIT = """<testsuites><testsuite>
<testcase classname="a.b.test_x" name="test_one" file="a/b/test_x.py" time="1.5"/>
<testcase classname="a.b.test_x.TestBig" name="test_two[2]" file="a/b/test_x.py" time="1"/>
<testcase classname="a.b.test_x" name="test_three" file="a/b/test_x.py">
<failure message="AssertionError: 1 &lt; 2&#10;more">trace</failure></testcase>
<testcase classname="a.b.test_x" name="test_four" file="a/b/test_x.py"><skipped message="not here"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("arguments", [[], ["/nowhere"]])
def test_without_a_checkout_it_says_so_and_exits_3(arguments):
    result = subprocess.run([sys.executable, str(HERE / "run.py"), *arguments], capture_output=True, text=True)
    assert result.returncode == 3
    assert "checkout of flytekit" in result.stderr
    assert "git clone https://github.com/flyteorg/flytekit" in result.stderr


def test_results_are_read_by_node_id(tmp_path):
    (tmp_path / "junit.xml").write_text(JUNIT)
    results = read_results(tmp_path / "junit.xml")
    assert {name: result.outcome for name, result in results.items()} == {
        "a/b/test_x.py::test_one": "passed",
        "a/b/test_x.py::TestBig::test_two[2]": "passed",
        "a/b/test_x.py::test_three": "failed",
        "a/b/test_x.py::test_four": "skipped",
    }
    assert results["a/b/test_x.py::test_three"].message == "AssertionError: 1 < 2"


def test_every_difference_is_a_line():
    expected = {
        "a": Expected("passed", ""),
        "b": Expected("failed", "why"),
        "c": Expected("large", ""),
        "d": Expected("passed", ""),
    }
    results = {"a": Result("failed", 1, "boom"), "b": Result("passed", 1, ""), "e": Result("passed", 1, "")}
    lines = differences(expected, results, large=False)
    assert [line.partition(":")[0] for line in lines] == ["a", "b", "d", "e"]
    assert "boom" in lines[0]
    assert "c: not run, expected passed" in differences(expected, results, large=True)
    assert differences({"a": Expected("passed", "")}, {"a": Result("passed", 1, "")}, large=True) == []


def test_a_slow_test_may_only_miss_because_it_was_too_fast():
    slow = {"a": Expected("slow", "why")}
    assert differences(slow, {"a": Result("passed", 1, "")}, large=True) == []
    assert differences(slow, {"a": Result("failed", 1, "assert x > datetime.timedelta(seconds=1)")}, large=True) == []
    assert differences(slow, {"a": Result("failed", 1, "RuntimeError")}, large=True)
    assert differences(slow, {}, large=True)


def test_the_table_names_what_did_not_pass():
    text = table(
        {"f.py::b": Expected("failed", "a reason"), "f.py::c": Expected("large", "")},
        {"f.py::b": Result("failed", 1, "x")},
        large=False,
    )
    assert "a reason" in text
    assert "not run  f.py::c: needs 8 GB" in text


def test_the_expected_list_is_well_formed():
    expected = read_expected(HERE / "expected.txt")
    outcomes = [one.outcome for one in expected.values()]
    assert outcomes.count("passed") + outcomes.count("large") + outcomes.count("slow") == 54
    assert outcomes.count("skipped") == 4
    assert all(one.reason for one in expected.values() if one.outcome in ("failed", "skipped", "slow"))


def test_a_broken_expected_list_is_told(tmp_path):
    (tmp_path / "e").write_text("passes  a\n")
    with pytest.raises(ValueError, match="outcome node-id"):
        read_expected(tmp_path / "e")
