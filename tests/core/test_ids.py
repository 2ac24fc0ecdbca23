"""References and run names: what they read, what they refuse, and that names are the same on every try."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core import EntityKind, EntityRef, InvalidRequest, RunRef, run_name
from bridge_core.model.run_names import check_run_name, random_run_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg.wf", EntityRef.launch_plan("pkg.wf")),
        ("launch_plan:pkg.wf", EntityRef.launch_plan("pkg.wf")),
        ("launch-plan:pkg.wf@v1", EntityRef.launch_plan("pkg.wf", version="v1")),
        ("task:p/d/pkg.t@latest", EntityRef.task("pkg.t", project="p", domain="d", version="latest")),
        ("workflow:p/d/pkg.wf", EntityRef.workflow("pkg.wf", project="p", domain="d")),
        ("p/d/pkg.wf@a:b", EntityRef.launch_plan("pkg.wf", project="p", domain="d", version="a:b")),
    ],
)
def test_entity_text_form_is_read(text: str, expected: EntityRef) -> None:
    assert EntityRef.parse(text) == expected
    assert EntityRef.parse(str(expected)) == expected
    assert EntityRef.from_dict(expected.to_dict()) == expected


@pytest.mark.parametrize("text", ["", "p/pkg.wf", "job:pkg.wf", "pkg.wf@", "a/b/c/d", "//x", "task:"])
def test_entity_text_that_cannot_be_read_is_refused_and_shown(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        EntityRef.parse(text)
    assert repr(text) in str(caught.value) or "needs a name" in str(caught.value)


def test_run_reference_crosses_processes() -> None:
    ref = RunRef("p", "d", "run-1")
    assert RunRef.parse(str(ref)) == ref
    assert RunRef.from_dict(ref.to_dict()) == ref
    assert pickle.loads(pickle.dumps(ref)) == ref
    for bad in ("p/d", "p/d/", "run-1"):
        with pytest.raises(InvalidRequest, match="wanted project/domain/name"):
            RunRef.parse(bad)
    with pytest.raises(InvalidRequest, match="lacks 'name'"):
        RunRef.from_dict({"project": "p", "domain": "d"})


def test_run_name_is_the_documented_one() -> None:
    # Pinned: a change of the encoding would make every running task launch its run again on the day of the upgrade.
    assert run_name("my_dag", "manual__1", "train", -1, 0) == "b7tgwsfyori3ybyxhpq"
    assert run_name("x", prefix="af").startswith("af")


@given(st.lists(st.text(), min_size=1, max_size=5), st.lists(st.text(), min_size=1, max_size=5))
def test_run_names_differ_when_parts_do(one: list[str], other: list[str]) -> None:
    assert (run_name(*one) == run_name(*other)) == (one == other)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,29}", run_name(*one))


@pytest.mark.parametrize("prefix", ["r", "u1", "A", "1a", "a_b", "x" * 13, "-a"])
def test_bad_prefixes_are_refused_never_cut(prefix: str) -> None:
    with pytest.raises(InvalidRequest, match="is not usable"):
        run_name("x", prefix=prefix)


def test_run_name_needs_parts() -> None:
    with pytest.raises(InvalidRequest, match="at least one part"):
        run_name()


def test_random_names_are_legal_and_differ() -> None:
    names = {random_run_name() for _ in range(100)}
    assert len(names) == 100
    assert all(check_run_name(name) == name for name in names)


@pytest.mark.parametrize("name", ["", "Upper", "1x", "a_b", "x" * 64, "a b", None, 5])
def test_illegal_run_names_are_refused_with_the_rule(name: object) -> None:
    with pytest.raises(InvalidRequest, match="wanted 1 to 63 characters"):
        check_run_name(name)  # type: ignore[arg-type]


def test_workflow_means_its_launch_plan_only_when_launched() -> None:
    assert EntityRef.workflow("w").kind is EntityKind.WORKFLOW
