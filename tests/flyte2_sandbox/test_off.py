"""Without the packages of the extra `sandbox` there is no Flyte 2, and everything else is as it was."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
sys.modules[{name!r}] = None  # as if it were not installed
from bridge_core.sandbox import Sandbox
with Sandbox() as sandbox:
    sandbox.stub("etl.wf", outputs={{"rows": 7}})
    print(sandbox.endpoint)
    try:
        sandbox.flyte2_endpoint
    except RuntimeError as error:
        print(error)
"""


def test_what_is_missing_is_said_in_one_line():
    for name in ("hypercorn", "connectrpc"):
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(name=name)], capture_output=True, text=True, timeout=120, check=True
        )
        endpoint, why = done.stdout.splitlines()
        assert endpoint.startswith("127.0.0.1:")
        assert why == f"Flyte 2 is off, because {name} cannot be imported: pip install 'flyte-bridge[sandbox]'"
