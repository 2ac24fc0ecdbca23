"""In a real browser, on Airflow's own pages: the link opens the run, the connection's form shows our fields, its test answers.

Screenshots are left where ``FLYTE_BRIDGE_SCREENSHOTS`` points to, for somebody to look at.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from airflow_home import LINE
from support.browser import running_browser

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        LINE < (3, 3), reason="written for the pages of Airflow 3.3; those of other lines are tried in words"
    ),
]
SHOTS = os.environ.get("FLYTE_BRIDGE_SCREENSHOTS")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with running_browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def page(airflow, browser):
    """Opens a page of Airflow's."""

    def go(path):
        browser.open(f"http://127.0.0.1:{airflow.home.port}{path}", width=1400)
        return browser

    return go


def shot(browser, name):
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        browser.screenshot(Path(SHOTS) / f"{name}.png")


def shows(browser, text):
    """Waits until it stands on the page; Airflow builds its pages after they are loaded."""
    browser.until(f"document.body.innerText.includes({json.dumps(text)})", 60)


def button(label):
    """A script's expression for the button that says so."""
    return f"[...document.querySelectorAll('button')].find(one => one.innerText.trim() === {json.dumps(label)})"


def click_in_row(browser, row, label):
    """A button in the row of a table that holds this text."""
    found = f"[...document.querySelectorAll('tr')].find(one => one.innerText.includes({json.dumps(row)}))"
    button = f"{found}?.querySelector({json.dumps(f'button[aria-label={label!r}]')})"
    browser.until(f"!!{button}", 60)
    browser.run(f"{button}.click()")


def test_the_link_of_a_waiting_task_opens_its_run(start, page, sandbox):
    case = start("deferred")
    (name,) = case.launched()
    case.wait("deferred")
    browser = page(f"/dags/deferred/runs/{case.run_id}/tasks/run/details")
    link = f"[...document.querySelectorAll('a')].find(a => a.href.endsWith('/executions/{name}'))"
    browser.until(f"{link} !== undefined", 60)
    assert browser.run(f"{link}.innerText").strip() == "Flyte console"
    shot(browser, "airflow_task")
    browser.open(browser.run(f"{link}.href"))
    shows(browser, name)
    assert browser.run("location.href").startswith(sandbox.console_url)
    case.flyte.approve(name)
    case.wait("success")


@pytest.mark.matrix
def test_the_form_of_a_connection_shows_our_fields_and_its_test_answers(airflow, page, sandbox):
    airflow.connect("moving", sandbox)
    browser = page("/connections")
    shows(browser, "moving")
    click_in_row(browser, "moving", "Test Connection")
    shows(browser, "Test Connection Successful")
    shot(browser, "airflow_connections")
    click_in_row(browser, "moving", "Edit Connection")
    shows(browser, "Client ID")
    browser.click(button("Extra Fields"))
    shows(browser, "Flyte project of tasks that name none.")  # the form of one that is there has what it has
    browser = page("/connections")
    browser.until(f"!!{button('Add Connection')}", 60)
    browser.click(button("Add Connection"))
    browser.until("!!document.querySelector('[role=dialog] input[role=combobox]')", 60)
    browser.click("document.querySelector('[role=dialog] input[role=combobox]')")
    browser.send("Input.insertText", text="Flyte")
    shows(browser, "Flyte")
    browser.press("Enter")
    shows(browser, "Client ID")
    browser.click(button("Extra Fields"))
    for label in ("Authentication", "Access token", "Console URL"):
        shows(browser, label)
    shot(browser, "airflow_connection_form")
