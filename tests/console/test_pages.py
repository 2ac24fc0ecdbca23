"""The console over plain HTTP: which pages there are, what is on them, and that nothing on them is what it pretends."""

from __future__ import annotations

import http.client
import re
import time
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flyteidl.admin import task_execution_pb2, task_pb2
from flyteidl.core import identifier_pb2
from sandbox.protos import Wire, echo_task, echo_workflow, literals

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.console.graph import Box, drawing
from bridge_core.sandbox.console.html import joined, link, tag
from bridge_core.sandbox.console.logs import read_log
from bridge_core.sandbox.console.show import duration
from bridge_core.sandbox.console.urls import entity_path, node_path, parse, run_path

from .showcase import HOSTILE, D, P, url


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self._open = [], [], []
        self.feed(html)

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in ("input", "link", "meta", "br"):
            self._open.append(name)

    def handle_endtag(self, name):
        assert self._open, f"</{name}> closes nothing"
        assert self._open.pop() == name

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name):
        return [attributes for element, attributes in self.elements if element == name]


def request(sandbox, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.http_port, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def get(sandbox, path):
    status, headers, html = request(sandbox, path)
    assert status == 200, (path, html)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    page = Page(html)
    assert page._open == []
    return page, html


def every_page(sandbox, start="/console"):
    """All pages that links lead to, from the first one on."""
    seen, waiting = {}, [start]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen[path] = page = get(sandbox, path)[0]
        for attributes in page.all("a"):
            target = urljoin(path, attributes.get("href") or "").split("#")[0]
            if target.startswith("/v2"):  # Flyte 2's runs: tests/flyte2_sandbox
                continue
            assert parse(target) or "signature=" in target, (path, target)
            if parse(target) and parse(target).page != "log" and target not in seen:
                waiting.append(target)
    return seen


def test_every_link_opens_a_page_and_nothing_comes_from_elsewhere(console):
    sandbox, case, _ = console
    pages = every_page(sandbox)
    assert url(case.done) in pages
    assert any("/launch_plan/" in path for path in pages)
    assert any("/task/" in path for path in pages)
    assert any("/workflow/" in path for path in pages)
    assert any("/nodes/" in path for path in pages)
    for path, page in pages.items():
        for name, attributes in page.elements:
            assert not [key for key in attributes if key.startswith("on") or key == "style"], (path, name)
            for key in ("src", "href", "action"):
                assert not urlsplit(attributes.get(key) or "").scheme or attributes[key] == "data:,", (path, attributes)
        assert [one["src"] for one in page.all("script")] == ["/console/assets/console.js"], path
        assert page.all("img") == []


def test_hostile_names_and_values_stay_text(console):
    sandbox, case, _ = console
    page, html = get(sandbox, url(case.hostile))
    assert HOSTILE not in html
    assert "".join(page.text).count(HOSTILE) >= 5  # plan, workflow, node, input, output
    plan = quote(f"x{HOSTILE}", safe="")
    listed, _ = get(sandbox, f"/console/projects/{P}/domains/{D}/launch_plan/{plan}/version/v1")
    assert f"x{HOSTILE}" in "".join(listed.text)
    for query in ("launch_plan", "text", "phase"):
        filtered, html = get(sandbox, f"/console?{query}={quote(HOSTILE)}")
        assert HOSTILE not in html
        assert len(filtered.all("script")) == 1
    status, _, html = request(sandbox, f"/console/{quote(HOSTILE)}")
    assert (status, HOSTILE in html) == (404, False)
    failed, html = get(sandbox, f"/console/projects/{P}/domains/{D}/executions/hostile-failed")
    assert HOSTILE not in html
    assert "".join(failed.text).count(HOSTILE) >= 2  # error and log


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (
            "",
            {
                "nightly-2026-11-21",
                "training-17",
                "release-3",
                "talking",
                "hostile",
                "hostile-failed",
                "typed",
                "nested",
            },
        ),
        ("phase=FAILED", {"training-17", "hostile-failed"}),
        ("phase=running", {"release-3", "talking"}),
        ("launch_plan=ETL.pipe", {"nightly-2026-11-21"}),
        ("launch_plan=live.talk", {"talking"}),  # a single task
        ("text=interrupted", {"training-17", "hostile-failed"}),
        ("text=17", {"training-17"}),
        ("phase=FAILED&text=17", {"training-17"}),
        ("text=%25", set()),
        ("text=%27%3B+drop+table", set()),
        ("from=99999999999999", set()),
    ],
)
def test_runs_are_filtered(console, query, names):
    sandbox, _, _ = console
    for path in ("/console", f"/console/projects/{P}/domains/{D}/executions"):
        page, _ = get(sandbox, f"{path}?{query}")
        found = {parse(one["href"]).name for one in page.all("a") if one.get("class") == "id"}
        assert {name for name in found if not name.startswith("shown")} == names  # those are of test_browser.py
    assert not [one for one in get(sandbox, "/console/projects/other")[0].all("a") if one.get("class") == "id"]


def test_long_lists_have_pages():
    with Sandbox() as sandbox:
        wire = Wire(sandbox.endpoint)
        target = echo_workflow(wire, "many")
        for number in range(55):
            wire.launch(target, f"many-{number}", literals(n=number))
        wire.close()
        first, _ = get(sandbox, "/console?launch_plan=many")
        older = next(one["href"] for one in first.all("a") if "from=50" in one.get("href", ""))
        second, _ = get(sandbox, older)
    names = [[one["href"] for one in page.all("a") if one.get("class") == "id"] for page in (first, second)]
    assert [len(part) for part in names] == [50, 5]
    assert "newer" in "".join(second.text)
    assert "older" not in "".join(second.text)


def test_a_run_page_tells_what_happened(console):
    sandbox, case, _ = console
    page, _ = get(sandbox, url(case.done))
    text = "".join(page.text)
    for part in ("succeeded", "etl.pipeline", "etl.tasks.fetch", "n5", "deck", "manual", "7integer"):
        assert part in text, part
    boxes = {one["href"] for one in page.all("a") if "/nodes/" in one.get("href", "")}
    assert {f"{url(case.done)}/nodes/n{number}" for number in range(6)} <= boxes
    bars = [one for name, one in page.elements if name == "rect" and one.get("class") == "bar"]
    assert len(bars) == 6
    for suffix in ("/nodes", "/graph", "/timeline", "/"):
        assert get(sandbox, url(case.done, suffix))[0].all("svg")
    failed = "".join(get(sandbox, url(case.failed))[0].text)
    assert "ValueError: negative learning rate" in failed
    # The list tells why in one line, from the whole error.
    assert "ValueError: negative learning rate" in "".join(get(sandbox, "/console")[0].text)
    assert "first line\nsecond <b>line</b> ü\n" in failed


def test_nodes_have_the_names_of_their_authors(console):
    sandbox, case, _ = console
    text = "".join(get(sandbox, url(case.nested))[0].text)
    for part in ("one step n0", "inside of it ", "map square ", "deep.square"):
        assert part in text, part
    assert "start" in text  # in the graph; the start of what is inside is no row, also where its id is hashed
    tree = {node.id.node_id for _, node in sandbox._running.engine.nodes.tree_of(case.nested)}
    inner = {name for name in tree if name.startswith("f") and len(name) == 8}
    assert len(inner) >= 3
    shown = [name for name in inner if name in text]
    assert len(shown) == 1, "the map, whose id is a hash, and no marker"
    page, _ = get(sandbox, url(case.nested, f"/nodes/{shown[0]}"))
    above = [one["href"] for one in page.all("a") if "/nodes/" in one["href"]]
    assert above[:2] == [url(case.nested, "/nodes/n0"), url(case.nested, "/nodes/n0-0-a-long-name-n0")]
    assert "map of deep.square" in "".join(get(sandbox, "/console/tasks")[0].text)


def test_a_gate_says_what_it_waits_for_and_how_it_gets_it(console):
    sandbox, case, _ = console
    assert "waits for signal go (integer)" in "".join(get(sandbox, url(case.held))[0].text)
    text = "".join(get(sandbox, url(case.held, "/nodes/n0"))[0].text)
    assert f"flyte-bridge signal {P}/{D}/{case.held.name} go VALUE" in text


def test_files_of_a_folder_are_links(console):
    sandbox, case, _ = console
    page, _ = get(sandbox, url(case.typed))
    text = "".join(page.text)
    assert "/nowhere/at/all" in text
    links = {one["href"].split("?")[0].rpartition("/folder/")[2]: one["href"] for one in page.all("a")}
    for name in ("a.txt", "below/b.txt"):
        assert name in text
        assert request(sandbox, links[name])[2] == name


def test_values_are_shown_by_type(console):
    sandbox, case, _ = console
    text = "".join(get(sandbox, url(case.typed))[0].text)
    for part in (
        "list of 2",
        "map of 2",
        "line one\nline two",
        "s3://elsewhere/data.csv",
        "file csv",
        '"rate": 0.1',
        "größer",
    ):
        assert part in text, part


def test_log_links_of_the_api_open_the_logs(console):
    sandbox, case, wire = console
    node = identifier_pb2.NodeExecutionIdentifier(node_id="fit", execution_id=case.failed)
    listed = wire.admin.ListTaskExecutions(task_execution_pb2.TaskExecutionListRequest(node_execution_id=node, limit=9))
    (log,) = listed.task_executions[0].closure.logs
    path, _, anchor = log.uri.removeprefix(sandbox.console_url).partition("#")
    page, _ = get(sandbox, path)
    assert anchor in {one.get("id") for _, one in page.elements}
    assert "first line\nsecond" in "".join(page.text)


def test_pages_say_what_the_author_wrote(console):
    sandbox, _, wire = console
    task = echo_task("written.about", {}, {})
    spec = task_pb2.TaskSpec(template=task)
    spec.description.short_description = "In short."
    spec.description.long_description.value = f"Counts rows.\nSlowly. {HOSTILE}"
    wire.admin.CreateTask(task_pb2.TaskCreateRequest(id=task.id, spec=spec))
    page, html = get(sandbox, entity_path(task.id))
    assert f"In short.Counts rows.\nSlowly. {HOSTILE}" in "".join(page.text)
    assert HOSTILE not in html


def test_a_deck_is_framed_without_rights(console):
    sandbox, case, _ = console
    page, _ = get(sandbox, f"{url(case.done)}/nodes/n5")
    (frame,) = page.all("iframe")
    assert frame["sandbox"] == "allow-scripts"
    status, headers, html = request(sandbox, frame["src"])
    assert (status, "42 rows" in html) == (200, True)
    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'unsafe-inline'")
    forged = frame["src"].replace("deck.html", "task.pb")
    assert request(sandbox, forged)[0] == 403


def test_logs_are_read_piece_by_piece(console):
    sandbox, case, _wire = console
    path = f"{url(case.talking)}/nodes/livetalk/log/0"
    text, offset = "", 0
    while "tick 3" not in text:
        status, headers, piece = request(sandbox, f"{path}?offset={offset}")
        assert (status, headers["X-Log-Ended"]) == (200, "false")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert int(headers["X-Log-Offset"]) == offset + len(piece)
        text, offset = text + piece, offset + len(piece)
        time.sleep(0.02)
    assert text.startswith("tick 1\ntick 2\ntick 3\n")
    page, _ = get(sandbox, url(case.talking))
    assert page.all("main")[0].get("data-running", "no") is None
    (bar,) = [one for one in page.all("rect") if one.get("class") == "bar"]
    assert float(bar["x"]) + float(bar["width"]) > 900  # it is still going
    (box,) = [one for one in page.all("pre") if "data-log" in one]
    assert box["data-log"] == path
    over = f"{url(case.failed)}/nodes/fit/log/0"
    assert request(sandbox, over)[2].startswith("first line")
    assert request(sandbox, f"{over}?offset=99999")[1]["X-Log-Ended"] == "false"  # written anew: from the start
    end = request(sandbox, f"{over}?offset={request(sandbox, over + '?offset=0')[1]['X-Log-Offset']}")
    assert (end[1]["X-Log-Ended"], end[2]) == ("true", "")
    assert "data-running" not in get(sandbox, url(case.failed))[0].all("main")[0]


@pytest.mark.parametrize(
    "path", ["/nodes/fit/log/7", "/nodes/..%2F..%2Fx/log/0", "/nodes/fit/log/0?item=1", "/nodes/fit/log/x"]
)
def test_logs_that_are_not_there(console, path):
    sandbox, case, _ = console
    assert request(sandbox, url(case.failed) + path)[0] == 404


def test_launch_plans_show_when_they_fire(console):
    sandbox, case, _ = console
    page, _ = get(sandbox, "/console/launchPlans")
    text = "".join(page.text)
    assert "0 6 * * *" in text
    assert "every day" in text
    assert re.search(r"\d{4}-\d\d-\d\d 06:00:00", text)
    plan = "".join(get(sandbox, entity_path(case.plan))[0].text)
    assert re.search(r"Next fire\d{4}-\d\d-\d\d 06:00:00", plan)
    assert "active" in plan


def test_unknown_pages_say_so(console):
    sandbox, _, _ = console
    for path in (
        "/elsewhere",
        "/console/projects/p/domains/d/executions/nothing",
        f"/console/projects/{P}/domains/{D}/workflow/none/version/v1",
        "/console/assets/..%2Fconsole.py",
        "/console/projects//domains/x/executions/y",
    ):
        status, headers, html = request(sandbox, path)
        assert status == 404
        assert "Content-Security-Policy" in headers
        Page(html)
    assert request(sandbox, "/console", "POST")[0] == 405


def test_urls_are_those_of_flytes_console():
    run = identifier_pb2.WorkflowExecutionIdentifier(project="p", domain="d", name="a/b c")
    assert run_path(run) == "/console/projects/p/domains/d/executions/a%2Fb%20c"
    assert parse(run_path(run)).name == "a/b c"
    node = identifier_pb2.NodeExecutionIdentifier(node_id="n0-0-n1", execution_id=run)
    assert parse(node_path(node)).node == "n0-0-n1"
    for number, kind in (
        (identifier_pb2.TASK, "task"),
        (identifier_pb2.WORKFLOW, "workflow"),
        (identifier_pb2.LAUNCH_PLAN, "launch_plan"),
    ):
        one = identifier_pb2.Identifier(resource_type=number, project="p", domain="d", name="m.f", version="v/1")
        assert entity_path(one) == f"/console/projects/p/domains/d/{kind}/m.f/version/v%2F1"
        found = parse(entity_path(one))
        assert (found.page, found.kind, found.name, found.version) == ("entity", kind, "m.f", "v/1")
    assert parse("/consolex") is None


def test_markup_escapes_what_is_no_markup():
    assert tag("p", "<b>", class_='"') == '<p class="&quot;">&lt;b&gt;</p>'
    assert joined("<", tag("br"), None, 3) == "&lt;<br>3"
    assert link("x", "javascript:alert(1)") == "x"
    assert link("x", "//evil.example/") == "x"
    assert link("<", "https://a/?b&c") == '<a href="https://a/?b&amp;c" rel="noreferrer">&lt;</a>'


def test_a_graph_of_anything_is_drawn():
    boxes = {name: Box(name, "", "", "") for name in ("a", "b", "c", "end-node")}
    circle = drawing(boxes, [("a", "b"), ("b", "a"), ("nowhere", "c"), ("a", "end-node")])
    assert circle.count("<rect") == 4
    # A line that passes a layer goes around the box there: down beside it, for its whole height.
    chain = drawing(boxes, [("a", "b"), ("b", "c"), ("a", "c")])
    (around,) = re.findall(r'<path d="(M[^"]+V[^"]+)"', chain)
    left = {name: float(x) for x, name in re.findall(r'<rect x="([^"]+)"[^>]+>.*?<text[^>]+>([^<]+)', chain)}
    assert not left["b"] <= float(around.split("V")[0].split()[-2]) <= left["b"] + 176
    assert drawing({}, []).count("<svg") == 1
    many = {str(number): Box("x", "", "", "") for number in range(401)}
    assert "too many" in drawing(many, [])


def test_half_a_character_waits_for_its_rest(tmp_path):
    log = tmp_path / "log"
    log.write_bytes("aü".encode()[:2])
    assert read_log(log, 0) == (b"a", 1)
    log.write_bytes("aü".encode() + b"\xff!")
    assert read_log(log, 1) == ("ü".encode() + b"\xff!", 5)
    assert read_log(log, 100)[1] == 5


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.012, "12 ms"), (0.74, "0.7 s"), (59.9, "59.9 s"), (61, "1 m 01 s"), (7260, "2 h 01 m")]
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
