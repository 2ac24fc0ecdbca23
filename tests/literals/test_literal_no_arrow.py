"""Frames where pyarrow is not installed: polars reads and writes by itself, pandas at least reads CSV."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path


def run(body: str, folder: Path) -> str:
    script = 'import sys; sys.modules["pyarrow"] = None\nfrom pathlib import Path; folder = Path(sys.argv[1])\n'
    script += (
        "from bridge_core import ConfigError, LiteralError\nfrom bridge_core.literals import read_frame, to_parquet\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script + textwrap.dedent(body), str(folder)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_polars_alone(tmp_path: Path) -> None:
    body = """
    import polars
    (folder / "a").write_bytes(to_parquet(polars.DataFrame({"n": [1, 2]})))
    (folder / "b").write_bytes(to_parquet(polars.DataFrame({"n": [3]}).lazy()))
    print(read_frame([folder / "a", folder / "b"])["n"].to_list())
    (folder / "a").write_bytes(b"PAR1 no PAR1")
    try:
        read_frame([folder / "a"])
    except LiteralError as error:
        print("LiteralError")
    """
    assert run(body, tmp_path).splitlines() == ["[1, 2, 3]", "LiteralError"]


def test_pandas_alone(tmp_path: Path) -> None:
    (tmp_path / ".csv").write_text("a,b\n1,x\n")
    body = """
    sys.modules["polars"] = None
    import pandas
    print(read_frame([folder / ".csv"], "csv").to_dict("list"))
    for attempt in (lambda: to_parquet(pandas.DataFrame({"n": [1]})), lambda: read_frame([folder / ".csv"])):
        try:
            attempt()
        except ConfigError as error:
            print(error)
    """
    first, *rest = run(body, tmp_path).splitlines()
    assert first == "{'a': [1], 'b': ['x']}"
    assert rest == ["frames need pyarrow, which is not installed: pip install flyte-bridge[dataframes]"] * 2
