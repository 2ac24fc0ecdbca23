"""The console in a real browser: no complaint in its console, live without a reload, by keyboard, on a narrow screen.

Screenshots of every page, at both widths, are left where ``FLYTE_BRIDGE_SCREENSHOTS`` points to, for somebody to look at.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.browser import running_browser

from .showcase import HOSTILE, D, P, url

pytestmark = pytest.mark.full
SHOTS = os.environ.get("FLYTE_BRIDGE_SCREENSHOTS")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with running_browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def open_page(browser, console):
    """Opens a path; afterwards nothing may have been complained about, and nothing asked of anybody else."""
    sandbox, _, _ = console
    browser.complaints, browser.requests = [], []

    def go(path, **size):
        browser.open(sandbox.console_url + path, **size)
        return browser

    yield go
    assert browser.complaints == []
    hosts = {urlsplit(one).netloc for one in browser.requests if not one.startswith(("data:", "about:"))}
    assert hosts <= {urlsplit(sandbox.console_url).netloc}


def pages(case):
    plan = f"/console/projects/{P}/domains/{D}/launch_plan/{case.plan.name}/version/v1"
    return {
        "runs": "/console",
        "filtered": "/console?phase=FAILED&text=training",
        "done": url(case.done),
        "failed": url(case.failed),
        "typed": url(case.typed),
        "hostile": url(case.hostile),
        "gate": url(case.held),
        "nested": url(case.nested),
        "live": url(case.talking),
        "node": url(case.done, "/nodes/n5"),
        "workflows": "/console/workflows",
        "workflow": f"/console/projects/{P}/domains/{D}/workflow/etl.pipeline/version/v1",
        "task": f"/console/projects/{P}/domains/{D}/task/train.fit/version/v1",
        "tasks": "/console/tasks",
        "plans": "/console/launchPlans",
        "plan": plan,
    }


@pytest.mark.parametrize("width", [1280, 400])
def test_every_page_fits_and_nothing_complains(open_page, console, width):
    for name, path in pages(console[1]).items():
        browser = open_page(path, width=width)
        assert browser.run("document.querySelector('h1').innerText")
        assert browser.run("document.documentElement.scrollWidth") <= width, name
        # Whatever may be pressed is as large as a finger needs, or a link in text.
        assert browser.run("[...document.querySelectorAll('button,input,select')].every(e => e.offsetHeight >= 30)")
        if SHOTS:
            browser.screenshot(Path(SHOTS) / f"{name}-{width}.png")


def test_hostile_text_runs_nowhere(open_page, console):
    case = console[1]
    for path in (
        url(case.hostile),
        f"/console/projects/{P}/domains/{D}/executions/hostile-failed",
        "/console",
        "/console/tasks",
    ):
        browser = open_page(path)
        assert browser.run(f"document.body.innerText.includes({HOSTILE!r})")
        assert browser.run("document.images.length") == 0


def test_a_run_is_followed_without_a_reload(open_page, console):
    case = console[1]
    browser = open_page(url(case.talking))
    browser.run("window.here = true")
    last = "Number(document.querySelector('pre[data-log]').textContent.match(/tick (\\d+)\\n$/)[1])"
    begun = browser.run(last)
    browser.until(f"{last} >= {begun} + 15")
    log = browser.run("document.querySelector('pre[data-log]').textContent")
    numbers = [int(number) for number in re.findall(r"tick (\d+)\n", log)]
    assert numbers == list(range(1, len(numbers) + 1))  # nothing twice, nothing left out
    assert browser.run("window.here")


def test_the_end_of_a_run_appears_by_itself(open_page, console):
    from sandbox.protos import gate_workflow, literals, unique

    _, _, wire = console
    run = wire.launch(gate_workflow(wire), unique("shown"), literals(n=1))
    browser = open_page(url(run))
    browser.until("document.querySelector('#state .phase').innerText === 'running'")
    browser.run("window.here = true")
    wire.terminate(run, "seen enough")
    browser.until("document.querySelector('#state .phase').innerText === 'aborted'")
    assert browser.run("document.querySelector('#state').innerText.includes('seen enough') && window.here")
    browser.until("!document.querySelector('main').hasAttribute('data-running')")


def test_everything_is_reached_by_keyboard(open_page, console):
    browser = open_page(url(console[1].done))
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    reached = set()
    links = browser.run(
        "[...document.querySelectorAll('a[href]')].filter(e => e.checkVisibility()).map(e => e.getAttribute('href'))"
    )
    for _ in range(len(links) + 60):
        reached.add(browser.run("document.activeElement.getAttribute('href')"))
        browser.press("Tab")
    assert set(links) <= reached
    browser.open(browser.run("location.href"))
    browser.press("Tab")
    browser.press("Enter")
    browser.until("document.activeElement.id === 'content' || location.hash === '#content'")


def test_the_deck_cannot_reach_the_page(open_page, console):
    browser = open_page(url(console[1].done, "/nodes/n5"))
    browser.run("document.querySelector('iframe').scrollIntoView()")
    browser.until("document.querySelector('iframe').contentDocument === null")  # another origin
    assert browser.run("document.title").startswith("Node n5")
