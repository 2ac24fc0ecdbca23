"""`check` finds every mistake in files that have one, and none in files that have none; with and without a server."""

from __future__ import annotations

import ast
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flyteidl.core import types_pb2
from support.flyte import INTEGER, STRING, RawFlyte, integer, text

from bridge_core import Client, ContainerTask
from bridge_core.cli.main import main
from bridge_core.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
FEWEST = 20
FLOAT = types_pb2.LiteralType(simple=types_pb2.FLOAT)
BOOLEAN = types_pb2.LiteralType(simple=types_pb2.BOOLEAN)
TEXTS = types_pb2.LiteralType(collection_type=STRING)


def files(kind: str, group: str) -> list[Path]:
    found = sorted(path for path in (HERE / kind / group).iterdir() if path.suffix in (".py", ".yaml"))
    assert len(found) >= FEWEST
    return found


@pytest.fixture(scope="module")
def flyte() -> Iterator[Sandbox]:
    with Sandbox() as running:
        raw = RawFlyte(running.endpoint)
        half = integer(1)
        half.scalar.primitive.float_value = 0.5
        inputs = {"day": STRING, "epochs": INTEGER, "rate": FLOAT}
        raw.register("ml.train", inputs, defaults={"epochs": integer(3), "rate": half}, activate=True)
        raw.register("ml.train", inputs, version="v2", defaults={"epochs": integer(3), "rate": half})
        raw.register(
            "ml.report",
            {"day": STRING, "top": INTEGER, "kind": STRING},
            defaults={"top": integer(3)},
            fixed={"kind": text("html")},
        )
        raw.register("ml.switch", {"on": BOOLEAN, "names": TEXTS})
        with Client(running.config()) as client:
            client.register(
                [ContainerTask(name="ml.clean", image="none", command=["true"], inputs={"n": int})], version="v1"
            )
        yield running


@pytest.fixture(scope="module")
def place(flyte: Sandbox) -> list[str]:
    return ["--endpoint", flyte.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]


@pytest.fixture(scope="module")
def interfaces(flyte: Sandbox, place: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("interfaces") / "interfaces.json"
    assert main(["snapshot", "flytesnacks/development", "-o", str(path), *place]) == 0
    return path


def check(arguments: Sequence[object], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    code = main(["check", *map(str, arguments), "--output", "json"])
    out, err = capsys.readouterr()
    assert not err, err
    return code, json.loads(out)


def expected(path: Path) -> tuple[range, str]:
    """Lines of the statement that is wrong, and what is said of it."""
    source = path.read_text()
    (line,) = [number for number, content in enumerate(source.splitlines(), 1) if "# wrong: " in content]
    said = source.splitlines()[line - 1].partition("# wrong: ")[2]
    if path.suffix == ".yaml":
        return range(line, line + 1), said
    around = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr | ast.Assign | ast.FunctionDef) and _first(node) <= line <= (node.end_lineno or 0)
    ]
    smallest = min(around, key=lambda node: (node.end_lineno or 0) - _first(node))
    return range(_first(smallest), (smallest.end_lineno or 0) + 1), said


def _first(node: ast.Expr | ast.Assign | ast.FunctionDef) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return min([node.lineno, *(item.lineno for item in decorators)])


@pytest.mark.parametrize("kind", ["airflow", "dagster"])
def test_every_mistake_is_found_and_none_invented(
    interfaces: Path, place: list[str], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    broken, good = files(kind, "broken"), files(kind, "good")
    code, found = check([*broken, *good, "--against", interfaces], capsys)
    assert code == 1
    assert not [item for item in found if Path(item["file"]) in good]
    for path in broken:
        told = [item for item in found if Path(item["file"]) == path]
        lines, said = expected(path)
        assert told, path.name
        assert all(int(item["line"]) in lines for item in told), f"{path.name}: {told}"
        assert any(said in item["problem"] for item in told), f"{path.name}: {told}"
    assert check([HERE / kind / "good", "--against", interfaces], capsys) == (0, [])
    # A server says the same, but for places that the file knows nothing of.
    _, asked = check([*broken, *good, "--against", "server", *place], capsys)
    elsewhere = [item for item in asked if "elsewhere" in Path(item["file"]).name]
    assert [item for item in asked if item not in elsewhere] == found
    assert elsewhere
    assert all("no launch plan" in item["problem"] and "in other/production" in item["problem"] for item in elsewhere)


TRIGGERS = """triggers:
  - name: good
    entity: launch_plan:ml.train
    cron: "0 3 * * *"
    inputs: {day: $trigger_time, epochs: 3}
  - {name: typo, entity: "launch_plan:ml.trian", every: 15m}
  - name: missing
    entity: launch_plan:ml.train
    every: 15m
    inputs: {epochs: many}
  - {name: scoped, entity: "launch_plan:ml.train", every: 15m, inputs: {day: d}, options: {queue: q}}
"""


def test_triggers(interfaces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "triggers.yaml"
    path.write_text(TRIGGERS)
    (tmp_path / "other.yaml").write_text("a: b\n")
    code, found = check([tmp_path, "--against", interfaces], capsys)
    assert code == 1
    assert [(Path(item["file"]).name, item["line"]) for item in found] == [
        ("triggers.yaml", 6),
        ("triggers.yaml", 7),
        ("triggers.yaml", 7),
        ("triggers.yaml", 11),
    ]
    assert "option 'queue' cannot be honoured by Flyte 1" in found[3]["problem"]
    assert "trigger typo: there is no launch plan 'ml.trian'" in found[0]["problem"]
    path.write_text("triggers:\n  - name: a\n    entty: launch_plan:ml.train\n    every: 15m\n")
    code, found = check([path, "--against", interfaces], capsys)
    assert code == 1
    assert found[0]["line"] in (2, 3)
    assert "entty" in " ".join(item["problem"] for item in found)


def test_forms_of_output(interfaces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = HERE / "airflow" / "broken" / "version.py"
    capsys.readouterr()
    assert main(["check", str(path), "--against", str(interfaces)]) == 1
    problem, count = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"{re.escape(str(path))}:\d+: task train of DAG version: 'ml.train' has no version 'v9'.*", problem
    )
    assert count == "1 problems in 1 uses of Flyte"
    assert main(["check", str(path), "--against", str(interfaces), "--output", "github"]) == 1
    assert capsys.readouterr().out.startswith(f"::error file={path},line=")


def test_paths_as_people_write_them(
    interfaces: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to where they are: the same lines, and the files as they were named."""
    files = ["airflow/broken/input_typo.py", "airflow/broken/does_not_load.py", "dagster/broken/fixed_input.py"]
    _, absolute = check([*(HERE / name for name in files), "--against", interfaces], capsys)
    assert all(item["line"] != 1 for item in absolute)
    monkeypatch.chdir(HERE / "dagster")
    _, relative = check([*(f"../{name}" for name in files), "--against", interfaces], capsys)
    assert [{**item, "file": str(HERE / item["file"].removeprefix("../"))} for item in relative] == absolute


def test_what_cannot_be_checked(
    flyte: Sandbox, tmp_path: Path, interfaces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path / "nosuch.py"), "--against", str(interfaces)]) == 2
    damaged = tmp_path / "interfaces.json"
    for content in ("{}", '{"format": 1}', "[", '{"format": 99}'):
        damaged.write_text(content)
        assert main(["check", str(HERE / "airflow" / "good"), "--against", str(damaged)]) == 2
    assert main(["snapshot", "ml", "-o", str(damaged)]) == 2
    assert "wanted PROJECT/DOMAIN" in capsys.readouterr().err
    place = ["--endpoint", flyte.endpoint, "--insecure"]
    assert main(["snapshot", "nosuch/production", "-o", str(tmp_path / "none.json"), *place]) == 4
    assert "is registered there" in capsys.readouterr().err
    assert not (tmp_path / "none.json").exists()


def test_a_file_needs_no_network(
    interfaces: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("somebody opens a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert check([HERE / "airflow" / "good" / "constant.py", "--against", interfaces], capsys) == (0, [])
