"""An interpreter and a search path for each project."""

from __future__ import annotations

import sys

import pytest

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.cli import _by_project, _parser
from bridge_core.sandbox.runner.images import Images

from .protos import shell_task


def test_a_project_has_its_own_interpreter_and_path(fresh, connect, tmp_path):
    own = tmp_path / "own" / "bin"
    own.mkdir(parents=True)
    (own / "python").symlink_to(sys.executable)
    sandbox = fresh(
        pythonpath=[tmp_path / "common"],
        project_python={"special": own / "python"},
        project_pythonpath={"special": [tmp_path / "specials"]},
        projects=["flytesnacks", "special"],
    )
    wire = connect(sandbox)
    found = {}
    for project in ("flytesnacks", "special"):
        out = tmp_path / project
        task = shell_task("paths", f"echo $PATH > {out}; echo $PYTHONPATH >> {out}")
        task.id.project = project
        wire.register_task(task)
        run = wire.launch(task.id, project=project)
        wire.wait(run)
        found[project] = [line.split(":") for line in out.read_text().splitlines()]
    assert found["special"][0][0] == str(own)
    assert found["flytesnacks"][0][0] != str(own)
    assert found["special"][1] == [str(tmp_path / "specials"), str(tmp_path / "common")]
    assert found["flytesnacks"][1] == [str(tmp_path / "common")]


def test_options_of_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p=q", "z"):
        (tmp_path / name).mkdir()
    options = _parser("sandbox").parse_args(
        ["--python", "a=/x/python", "--python", "/y/python", "--pythonpath", "./p=q", "--pythonpath", "a=z"]
    )
    assert options.python == [("a", "/x/python"), ("", "/y/python")]
    assert options.pythonpath == [("", "./p=q"), ("a", "z")]
    assert _by_project(options.pythonpath) == {"a": ["z"]}


def test_a_missing_interpreter_is_named():
    with pytest.raises(ValueError, match="no-such-python"):
        Sandbox(project_python={"a": "no-such-python"})
    assert Images(sys.executable, [], {}, {}).of("anything").pythonpath == ()
