"""Values to literals and back: ours against flytekit's TypeEngine, both to and from the bytes that are sent, in one run.

Each figure comes from a process of its own: seconds are the median of several rounds, memory is how far the resident set grew
above what it was before (its high-water mark, reset by the kernel). Validation is always on. Fails when an accepted bound of
issue 4 does not hold. ``--quick`` measures fewer rounds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCEPTED = {
    ("list[int] of 10,000", "encode"): 10,
    ("list[int] of 10,000", "decode"): 10,
    ("list[Optional[int]] of 10,000", "encode"): 15,
    ("list[Optional[int]] of 10,000", "decode"): 15,
    ("dict[str, dataclass] of 1,000", "encode"): 10,
    ("dict[str, dataclass] of 1,000", "decode"): 8,
}
MEMORY = 10  # times less
GOAL = 15


@dataclass
class Layer:
    width: int
    name: str
    rate: float
    tags: typing.List[str]  # noqa: UP006 - as flytekit users write it


CASES: dict[str, tuple[Any, Callable[[int], Any]]] = {
    "list[int] of 10,000": (list[int], lambda n: list(range(n))),
    "list[Optional[int]] of 10,000": (
        list[typing.Optional[int]],  # noqa: UP045 - as flytekit users write it
        lambda n: [i if i % 3 else None for i in range(n)],
    ),
    "dict[str, dataclass] of 1,000": (
        dict[str, Layer],
        lambda n: {f"layer{i}": Layer(i, f"n{i}", i / 2, ["a", "b"]) for i in range(n // 10)},
    ),
}


def child(who: str, case: str, verb: str, rounds: int) -> None:
    """Measures one thing and prints it as JSON."""
    from flyteidl.core.literals_pb2 import Literal
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models.literals import Literal as Model

    from bridge_core.literals import Codec

    kind, make = CASES[case]
    theirs = TypeEngine.to_literal_type(kind)
    remote = theirs.to_flyte_idl()
    context, codec = FlyteContextManager.current_context(), Codec.default()

    def encode_ours(value: Any) -> bytes:
        return bytes(codec.encode(value, remote).literal.SerializeToString())

    def encode_theirs(value: Any) -> bytes:
        TypeEngine._LITERAL_CACHE.clear()
        return bytes(TypeEngine.to_literal(context, value, kind, theirs).to_flyte_idl().SerializeToString())

    def decode_ours(raw: bytes) -> Any:
        return codec.decode(Literal.FromString(raw), remote)

    def decode_as(raw: bytes) -> Any:
        return codec.as_type(codec.decode(Literal.FromString(raw), remote), kind)

    def decode_theirs(raw: bytes) -> Any:
        return TypeEngine.to_python_value(context, Model.from_flyte_idl(Literal.FromString(raw)), kind)

    work: Any = {
        ("ours", "encode"): encode_ours,
        ("flytekit", "encode"): encode_theirs,
        ("ours", "decode"): decode_ours,
        ("ours, as_type", "decode"): decode_as,
        ("flytekit", "decode"): decode_theirs,
    }[who, verb]
    small, large = make(100), make(10_000)
    if verb == "decode":
        small, large = encode_ours(small), encode_ours(large)
    for _ in range(3):
        work(small)
    before = memory(reset=True)
    result = work(large)
    grown = memory() - before
    del result
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work(large)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps([statistics.median(seconds), grown]))


def memory(*, reset: bool = False) -> float:
    """MB: resident now (and the high-water mark forgotten), or the high-water mark."""
    if reset:
        import gc

        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
    wanted = "VmRSS" if reset else "VmHWM"
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(wanted)).split()[1]) / 1024


def measure(who: str, case: str, verb: str, rounds: int) -> tuple[float, float]:
    """Of a fresh process."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", who, case, verb, str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, grown = json.loads(done.stdout.splitlines()[-1])
    return seconds, grown


def main() -> int:
    """Prints the figures; 1 when an accepted bound does not hold."""
    if "--child" in sys.argv:
        who, case, verb, rounds = sys.argv[2:]
        child(who, case, verb, int(rounds))
        return 0
    rounds = 3 if "--quick" in sys.argv else 9
    good = True
    for (case, verb), wanted in ACCEPTED.items():
        theirs = measure("flytekit", case, verb, max(rounds // 3, 3))
        ours = measure("ours", case, verb, rounds)
        ratio, less = theirs[0] / ours[0], theirs[1] / max(ours[1], 0.01)
        good &= ratio >= wanted and less >= MEMORY
        print(
            f"{case:30} {verb}: {ours[0] * 1000:6.2f} ms, flytekit {theirs[0] * 1000:7.1f} ms: {ratio:5.1f} times faster "
            f"(accepted {wanted}, goal {GOAL}); peak {ours[1]:5.2f} MB against {theirs[1]:5.1f} MB: 1/{less:.0f} "
            f"(accepted 1/{MEMORY})",
            flush=True,
        )
        if "dataclass" in case and verb == "decode":
            typed = measure("ours, as_type", case, verb, rounds)
            print(
                f"{'':30} … as dataclasses: {typed[0] * 1000:.2f} ms: {theirs[0] / typed[0]:.1f} times faster (no bound)"
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
