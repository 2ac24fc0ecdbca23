"""The examples of docs/sandbox.md run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_examples(flyte_sandbox):
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(code, "docs/sandbox.md", "exec"), names)
    (test,) = [one for name, one in names.items() if name.startswith("test_")]
    test(flyte_sandbox)
