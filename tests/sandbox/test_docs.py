"""The example of docs/sandbox.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_example(flyte_sandbox):
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(compile(code, "docs/sandbox.md", "exec"), names)
    (test,) = [one for name, one in names.items() if name.startswith("test_")]
    test(flyte_sandbox)
