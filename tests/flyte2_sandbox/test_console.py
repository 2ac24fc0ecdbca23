"""The pages of Flyte 2's runs: found from the address that clients make, with actions, values and logs, and nothing unescaped."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from .test_runs import writes
from .wires import create, ended, unique


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


def test_the_url_that_clients_make_leads_to_the_page_of_a_run(sandbox, wire):
    name = unique()
    create(wire, name, writes(unique("pkg.write"), "print('<b>hi</b>'); " + WRITE_CODE), {"x": 4711})
    ended(wire, name)
    path = f"/v2/domain/development/project/flytesnacks/runs/{name}"
    text = get(f"http://{sandbox.flyte2_endpoint}{path}")
    assert "SUCCEEDED" in text
    assert "4711" in text
    assert f"{path}?log=a0&amp;attempt=1" in text
    assert "<b>hi</b>" in get(f"{sandbox.console_url}{path}?log=a0&attempt=1")
    assert name in get(f"{sandbox.console_url}/v2")


def test_what_failed_is_said_escaped(sandbox, wire):
    task, name = unique("pkg.stub"), unique()
    sandbox.stub(task, outputs={"o0": 1}, fail_times=99, message="<script>alert(1)</script>")
    create(wire, name, task, version="stub")
    ended(wire, name)
    text = get(f"{sandbox.console_url}/v2/domain/development/project/flytesnacks/runs/{name}")
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text


def test_a_run_that_is_not_there_is_404(sandbox):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{sandbox.console_url}/v2/domain/development/project/flytesnacks/runs/nope")


WRITE_CODE = (
    "import sys; place = sys.argv[1].removeprefix('file://') + '/outputs.pb'; "
    "open(place, 'wb').write(bytes.fromhex('0a0c0a026f3012060a040a02082a'))"
)
