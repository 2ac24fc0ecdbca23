"""Values to literals and back: ours against flytekit's TypeEngine, both to and from the bytes that are sent, in one run.

Each figure comes from a process of its own. Seconds are the median of several rounds, bytes included. Memory is how far the
resident set grew (its high-water mark, reset by the kernel, after free memory went back to it) while a value became a message
or a message a value; *extra* is what lies beyond the result: that message read from its bytes, that value made by hand.
Validation is always on. Fails when an accepted bound does not hold. ``--quick`` measures fewer rounds.

Then against no codec at all: msgpack, protobuf and the class by hand, without any check, in one process and in turn.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Figures

ACCEPTED = {
    ("list[int] of 10,000", "encode"): 10,
    ("list[int] of 10,000", "decode"): 10,
    ("list[Optional[int]] of 10,000", "encode"): 15,
    ("list[Optional[int]] of 10,000", "decode"): 15,
    ("dict[str, dataclass] of 1,000", "encode"): 10,
    ("dict[str, dataclass] of 1,000", "decode"): 8,
}
BARE = {"encode": 2.0, "as_type": 4.0}  # times the same by hand, for list[dataclass] of 10,000
MEMORY = 10  # times less extra memory
PAGE = 0.01  # MB; the kernel counts in pages, and not every one at once
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


def result(case: str, verb: str, path: Path) -> None:
    """Prints how much memory the result alone takes; the message comes from a file, which is written when there is none."""
    from flyteidl.core.literals_pb2 import Literal

    kind, make = CASES[case]
    if not path.exists():
        from flytekit.core.type_engine import TypeEngine

        from bridge_core.literals import Codec

        remote = TypeEngine.to_literal_type(kind).to_flyte_idl()
        path.write_bytes(Codec.default().encode(make(10_000), remote).literal.SerializeToString())
        return
    raw = path.read_bytes()
    Literal.FromString(b"")
    before = memory(reset=True)
    kept = Literal.FromString(raw) if verb == "encode" else make(10_000)
    print(json.dumps(memory() - before))
    del kept


def conversion(who: str, case: str, verb: str) -> Callable[[Any], Any]:
    """From a value to a message, or back."""
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models.literals import Literal as Model

    from bridge_core.literals import Codec

    kind, _ = CASES[case]
    theirs = TypeEngine.to_literal_type(kind)
    remote = theirs.to_flyte_idl()
    context, codec = FlyteContextManager.current_context(), Codec.default()

    def encode_theirs(value: Any) -> Any:
        TypeEngine._LITERAL_CACHE.clear()
        return TypeEngine.to_literal(context, value, kind, theirs).to_flyte_idl()

    ways: Any = {
        ("ours", "encode"): lambda value: codec.encode(value, remote).literal,
        ("flytekit", "encode"): encode_theirs,
        ("ours", "decode"): lambda message: codec.decode(message, remote),
        ("ours, as_type", "decode"): lambda message: codec.as_type(codec.decode(message, remote), kind),
        ("flytekit", "decode"): lambda message: TypeEngine.to_python_value(
            context, Model.from_flyte_idl(message), kind
        ),
    }
    return ways[who, verb]  # type: ignore[no-any-return]


def child(who: str, case: str, verb: str, rounds: int) -> None:
    """Measures one thing and prints it as JSON."""
    from flyteidl.core.literals_pb2 import Literal

    convert, message_of = conversion(who, case, verb), conversion("ours", case, "encode")
    _, make = CASES[case]
    if verb == "encode":
        small = make(100)
        large = given = make(10_000)

        def work(value: Any) -> Any:
            return bytes(convert(value).SerializeToString())
    else:
        small, large = (message_of(make(number)).SerializeToString() for number in (100, 10_000))
        given = Literal.FromString(large)

        def work(value: Any) -> Any:
            return convert(Literal.FromString(value))

    for _ in range(3):
        work(small)
    before = memory(reset=True)
    kept = convert(given)
    grown = memory() - before
    del kept
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work(large)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps([statistics.median(seconds), grown]))


def bare(rounds: int) -> None:
    """Prints, as JSON, seconds by hand and ours for each verb of `BARE`: the best of rounds that alternate."""
    import msgpack
    from flyteidl.core.literals_pb2 import Literal
    from flytekit.core.type_engine import TypeEngine

    from bridge_core.literals import Codec

    codec, remote = Codec.default(), TypeEngine.to_literal_type(list[Layer]).to_flyte_idl()
    values = [Layer(i, f"n{i}", i / 2, ["a", "b"]) for i in range(10_000)]

    def by_hand() -> bytes:
        out = Literal()
        add, pack = out.collection.literals.add, msgpack.packb
        for value in values:
            binary = add().scalar.binary
            binary.value, binary.tag = pack(vars(value)), "msgpack"
        return bytes(out.SerializeToString())

    def by_us() -> bytes:
        return bytes(codec.encode(values, remote).literal.SerializeToString())

    plain = codec.decode(Literal.FromString(by_hand()), remote)
    ways: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "encode": (by_hand, by_us),
        "as_type": (lambda: [Layer(**fields) for fields in plain], lambda: codec.as_type(plain, list[Layer])),
    }
    best: dict[str, list[float]] = {}
    for verb, pair in ways.items():
        assert pair[0]() == pair[1]()
        best[verb] = [float("inf")] * 2
        for _ in range(rounds):
            for number, way in enumerate(pair):
                begin = time.process_time()
                way()
                best[verb][number] = min(best[verb][number], time.process_time() - begin)
    print(json.dumps(best))


def memory(*, reset: bool = False) -> float:
    """MB: resident now (and the high-water mark forgotten), or the high-water mark."""
    if reset:
        import gc

        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # else what imports left free hides what is measured
        Path("/proc/self/clear_refs").write_text("5")
    wanted = "VmRSS" if reset else "VmHWM"
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(wanted)).split()[1]) / 1024


def measure(*what: object) -> Any:
    """What a fresh process prints."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", *map(str, what)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None


def main() -> int:
    """Prints the figures; 1 when an accepted bound does not hold."""
    if "--child" in sys.argv:
        who, case, verb, last = sys.argv[2:]
        if who == "bare":
            bare(int(last))
        elif who == "result":
            result(case, verb, Path(last))
        else:
            child(who, case, verb, int(last))
        return 0
    rounds = 3 if "--quick" in sys.argv else 9
    good = True
    found = Figures("Values to and from Flyte's messages", "flytekit's TypeEngine")
    for (case, verb), wanted in ACCEPTED.items():
        theirs = measure("flytekit", case, verb, max(rounds // 3, 3))
        ours = measure("ours", case, verb, rounds)
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):  # the first writes the file
                alone = measure("result", case, verb, Path(folder, "message"))
        ratio = theirs[0] / ours[0]
        less = max(theirs[1] - alone, PAGE) / max(ours[1] - alone, PAGE)
        good &= ratio >= wanted and less >= MEMORY
        found.tell(f"{verb} {case}", ours=ours[0] * 1000, peer=theirs[0] * 1000, unit="ms", wanted=wanted)
        print(
            f"{case:30} {verb}: {ours[0] * 1000:6.2f} ms, flytekit {theirs[0] * 1000:7.1f} ms: {ratio:5.1f} times faster "
            f"(accepted {wanted}, goal {GOAL}); peak {ours[1]:5.2f} MB, flytekit {theirs[1]:5.1f} MB, the result alone "
            f"{alone:.2f} MB: extra 1/{less:.0f} (accepted 1/{MEMORY})",
            flush=True,
        )
        if "dataclass" in case and verb == "decode":
            typed = measure("ours, as_type", case, verb, rounds)
            print(
                f"{'':30} … as dataclasses: {typed[0] * 1000:.2f} ms: {theirs[0] / typed[0]:.1f} times faster (no bound)"
            )
    for verb, (hand, ours) in measure("bare", "list[dataclass] of 10,000", "both", 2 * rounds).items():
        good &= ours / hand <= BARE[verb]
        print(
            f"{'list[dataclass] of 10,000':30} {verb}: {ours * 1000:6.2f} ms, by hand and unchecked {hand * 1000:6.2f} ms: "
            f"{ours / hand:.2f} times as long (accepted {BARE[verb]})",
            flush=True,
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
