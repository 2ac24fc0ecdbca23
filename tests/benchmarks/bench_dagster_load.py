"""What loading definitions costs: `import dagster_integration` beside `import dagster`, and a component of 3,000 workflows.

Each in fresh interpreters, in turns; figures are medians. The component's peer makes the same assets by Dagster's `multi_asset`.

Usage: bench_dagster_load.py [workflows]   (default: 3000)
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS, LOADS = 16, 6  # of which the first warms the disk's cache
IMPORT_MS, LOAD_SECONDS = 50.0, 2.0

TELL = """
import json, sys, time
def told(**more): print(json.dumps({"cpu": time.process_time(), "wall": time.perf_counter() - begin, **more}))
begin = time.perf_counter()
"""
DAGSTER = "import dagster\ntold()"
OURS = "import dagster, dagster_integration\ntold(grpc='grpc' in sys.modules)"

STATE = """
import sys
from pathlib import Path
from bridge_core import EntityRef, InputSpec
from dagster_integration import FlyteEntityProps
from dagster_integration._catalog import write_state
state, count = Path(sys.argv[1]), int(sys.argv[2])
inputs = {"day": InputSpec(type="datetime", required=True), "n": InputSpec(type="integer", required=False, default=3)}
write_state(state, [
    FlyteEntityProps(
        entity=EntityRef.launch_plan(f"pkg{n % 50}.mod.wf{n}", project="p", domain="d"), version="v1",
        description=f"Workflow {n} does things.", inputs=inputs, outputs={"o0": "integer", "o1": "string"},
        nodes={"n0": "a", "n1": "b", "n2": "c"}, edges=(("n0", "n1"), ("n1", "n2")),
    )
    for n in range(count)
])
"""
LOAD = """
from pathlib import Path
import dagster as dg
from dagster_integration import FlyteProjectComponent
from dagster_integration._catalog import read_state
from dagster_integration.component import FlyteWorkspace
state, count = Path(sys.argv[1]), int(sys.argv[2])
place = FlyteWorkspace(endpoint="flyte.example.com:443", project="p", domain="d")
component = FlyteProjectComponent(workspace=place)
before, begin = time.process_time(), time.perf_counter()
"""
COMPONENT = """
definitions = component.build_defs_from_state(None, state)
built = time.process_time() - before
"""
DECORATED = """
def asset(props):
    @dg.multi_asset(
        name=props.name.replace(".", "_"), specs=[component.get_asset_spec(props)], can_subset=True,
        required_resource_keys={"flyte"}, op_tags={"flyte/step": "true"},
    )
    def one(context: dg.AssetExecutionContext): ...
    return one
found = [asset(props) for props in read_state(state)]
resources = {"flyte": place.resource(), "flyte_outputs": dg.mem_io_manager}
resources |= {key: dg.mem_io_manager for made in found for key in made.required_resource_keys if key not in resources}
definitions = dg.Definitions(assets=found, resources=resources)
built = time.process_time() - before
"""
RESOLVE = """
assert len(list(definitions.resolve_all_asset_specs())) == count
told(built=built, loaded=time.process_time() - before)
"""


def measure(body: str, *arguments: str) -> dict[str, float]:
    """What a fresh interpreter told."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", body, *arguments],
        capture_output=True, text=True, check=False, env=environment, timeout=300,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def in_turns(rounds: int, bodies: dict[str, str], *arguments: str) -> dict[str, dict[str, float]]:
    """The median of each, without the first round."""
    found: dict[str, list[dict[str, float]]] = {label: [] for label in bodies}
    for _ in range(rounds):
        for label, body in bodies.items():
            found[label].append(measure(body, *arguments))
    return {
        label: {key: statistics.median(item[key] for item in items[1:]) for key in items[0]}
        for label, items in found.items()
    }


def main() -> int:
    """Prints the figures; fails when a promise does not hold."""
    count = int(sys.argv[1]) if sys.argv[1:] else 3000
    imports = in_turns(ROUNDS, {"dagster": TELL + DAGSTER, "ours": TELL + OURS})
    with tempfile.TemporaryDirectory() as folder:
        state = str(Path(folder) / "state")
        subprocess.run([sys.executable, "-W", "ignore", "-c", STATE, state, str(count)], check=True)
        loads = in_turns(
            LOADS,
            {"ours": TELL + LOAD + COMPONENT + RESOLVE, "multi_asset": TELL + LOAD + DECORATED + RESOLVE},
            state,
            str(count),
        )
    for key, what in (("cpu", "import dagster_integration, CPU"), ("wall", "the same, wall time")):
        ours, peer = (1000 * imports[label][key] for label in ("ours", "dagster"))
        print(f"{what}: {ours:.0f} ms, of which import dagster is {peer:.0f}: {ours - peer:+.1f} ms")
    print(f"grpc is imported: {bool(imports['ours']['grpc'])}")
    for label, told in loads.items():
        print(f"{count} workflows, {label}: {told['loaded']:.2f} s of CPU, of which {told['built']:.2f} until built")
    extra = 1000 * max(imports["ours"][key] - imports["dagster"][key] for key in ("cpu", "wall"))
    return 0 if extra < IMPORT_MS and not imports["ours"]["grpc"] and loads["ours"]["loaded"] < LOAD_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
