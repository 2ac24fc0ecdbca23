"""Who launched a run: what is sent is legal, and comes back from Flyte as it was sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from support.flyte import RawFlyte

from bridge_core import Client, EntityRef, InvalidRequest, LaunchRequest, Provenance, RunOptions, RunQuery
from bridge_core.model.provenance import label_value

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LEGAL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
FULL = Provenance(
    source="airflow",
    installation="prod · eu/1",
    job="täglich",
    run="manual__2026-11-28T00:00:00+00:00",
    task="group.train",
    part="3",
    asset="s3://bucket/day",
    tick="2026-11-28T00:00:00+00:00",
    attempt=2,
    identity="5b9e",
    url="https://airflow.example.com/dags/täglich",
    awaited=True,
)
NASTY = ["", " ", "-", "a" * 64, "a/b:c", "..", "über", "x_", "_x", "日本", "a\nb", '"', "a" * 63, "UPPER.lower_1-2"]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_makes_a_legal_label(text: str) -> None:
    made = label_value(text)
    assert 0 < len(made) <= 63
    assert LEGAL.fullmatch(made)
    labels = replace(FULL, installation=text, job=text, run=text, task=text).labels()
    assert all(len(value) <= 63 and LEGAL.fullmatch(value) for value in labels.values())


def test_different_texts_make_different_labels() -> None:
    near = ["a/b", "a:b", "a b", "a-b", "a--b", "-a-b", "a" * 64, "a" * 65, "", " "]
    assert len({label_value(text) for text in near}) == len(near)


def test_a_source_that_is_no_label_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="source 'a b' is no legal label value"):
        Provenance(source="a b")


@pytest.mark.parametrize(
    "sent", [FULL, Provenance(source="cli"), replace(FULL, awaited=False, attempt=None), replace(FULL, attempt=0)]
)
def test_it_comes_back_as_it_was_sent(client: Client, raw: RawFlyte, name: str, sent: Provenance) -> None:
    raw.register(name, {}, labels={"team": "ml"}, annotations={"note": "plan"})
    options = RunOptions(labels={"mine": "1"})
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), name=name, options=options, provenance=sent))
    assert client.describe(ref).provenance == sent
    (listed,) = [run for run in client.list_runs(limit=50) if run.ref == ref]
    assert listed.provenance == sent
    (spec,) = [item.spec for item in raw.executions() if item.id.name == name]
    labels = dict(spec.labels.values)
    assert (labels["team"], labels["mine"], labels[Provenance.SOURCE_LABEL]) == ("ml", "1", sent.source)
    assert labels.get(Provenance.AWAITED_LABEL) == (label_value(FULL.installation) if sent.awaited else None)


def test_one_label_finds_all_runs_of_one_piece_of_work(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    by = replace(FULL, job=name)
    for number, who in enumerate([by, replace(by, attempt=3, identity="other", url=""), replace(by, part="4")]):
        client.launch(LaunchRequest(EntityRef.launch_plan(name), name=f"{name}-{number}", provenance=who))
    found = client.list_runs(query=RunQuery(labels={Provenance.ORIGIN_LABEL: by.origin}), limit=50)
    assert sorted(run.ref.name for run in found) == [f"{name}-0", f"{name}-1"]


def test_names_that_look_alike_in_a_row_are_different_origins() -> None:
    assert replace(FULL, job="a", run="bc").origin != replace(FULL, job="ab", run="c").origin
    assert replace(FULL, installation="staging").origin != FULL.origin


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"x"', '{"source": 1}', '{"job": "x"}', '{"source": "a", "awaited": 1}']
)
def test_what_is_not_ours_is_nobody(text: str) -> None:
    assert Provenance.of({}, {Provenance.ANNOTATION: text}) is None


def test_a_field_of_a_later_release_is_left_out() -> None:
    later = json.dumps({**FULL.to_dict(), "planet": "mars"})
    assert Provenance.of(FULL.labels(), {Provenance.ANNOTATION: later}) == FULL
    assert Provenance.of({}, {}) is None
