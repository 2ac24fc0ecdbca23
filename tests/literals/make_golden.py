"""Writes `golden/*.json` with flytekit and `golden2/*.json` with the Flyte 2 SDK: ``python tests/literals/make_golden.py``.

Each file holds one case: the Python type in words, the bytes of the `LiteralType` and of the `Literal` (base64), the plain
value we decode, and the flytekit release that wrote it. The tests read the files; flytekit is asked again only to decode
what *we* wrote.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

GOLDEN = Path(__file__).parent / "golden"
GOLDEN2 = Path(__file__).parent / "golden2"


def tagged(value: Any) -> Any:
    """Plain values as JSON; what JSON lacks gets a tag."""
    if isinstance(value, dt.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, dt.timedelta):
        return {"$microseconds": value // dt.timedelta(microseconds=1)}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return {"$float": str(value)}
    if hasattr(value, "to_dict"):
        return {"$ref": value.to_dict()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: tagged(item) for key, item in value.items()}
        return {"$pairs": [[key, tagged(item)] for key, item in value.items()]}
    return value


def main() -> None:
    """Writes every case, and removes files of cases that are gone."""
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models import literals as models
    from golden_cases import CASES

    GOLDEN.mkdir(exist_ok=True)
    release = importlib.metadata.version("flytekit")
    context = FlyteContextManager.current_context()
    for case in CASES:
        os.environ["FLYTE_USE_OLD_DC_FORMAT"] = "true" if case.old else "false"
        kind = TypeEngine.to_literal_type(case.kind)
        TypeEngine._LITERAL_CACHE.clear()  # it does not know FLYTE_USE_OLD_DC_FORMAT
        if kind.schema is not None:  # encoding a FlyteSchema uploads; its literal is this
            literal = models.Literal(models.Scalar(schema=models.Schema(case.value.remote_path, kind.schema)))
        else:
            literal = TypeEngine.to_literal(context, case.value, case.kind, kind)
        record = {
            "case": case.name,
            "python_type": str(case.kind).replace("golden_cases.", ""),
            "flytekit": release,
            "type": base64.b64encode(kind.to_flyte_idl().SerializeToString(deterministic=True)).decode(),
            "literal": base64.b64encode(literal.to_flyte_idl().SerializeToString(deterministic=True)).decode(),
            "plain": tagged(case.plain),
        }
        (GOLDEN / f"{case.name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    wanted = {f"{case.name}.json" for case in CASES}
    for stale in GOLDEN.glob("*.json"):
        if stale.name not in wanted:
            stale.unlink()
    print(f"{len(CASES)} cases written by flytekit {release}")
    asyncio.run(second())


async def second() -> None:
    """The same with the Flyte 2 SDK, whose messages have the same bytes under other names."""
    from flyte.types import TypeEngine
    from golden2_cases import CASES2

    GOLDEN2.mkdir(exist_ok=True)
    release = importlib.metadata.version("flyte")
    for stale in GOLDEN2.glob("*.json"):
        stale.unlink()
    for case in CASES2:
        kind = TypeEngine.to_literal_type(case.kind)
        literal = await TypeEngine.to_literal(case.value, case.kind, kind)
        record = {
            "case": case.name,
            "python_type": str(case.kind).replace("golden2_cases.", ""),
            "flyte": release,
            "type": base64.b64encode(kind.SerializeToString(deterministic=True)).decode(),
            "literal": base64.b64encode(literal.SerializeToString(deterministic=True)).decode(),
            "plain": tagged(case.plain),
        }
        (GOLDEN2 / f"{case.name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(CASES2)} cases written by flyte {release}")


if __name__ == "__main__":
    main()
