"""Frames to parquet and back, with whatever library the caller has.

Nothing is imported until a frame is really converted; pandas and pyarrow come with the extra ``dataframes``.
"""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError, LiteralError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_frame", "to_parquet", "write_parquet"]

_NANOSECONDS = "; flytekit's frames have microseconds: round the column first (.dt.floor('us') in pandas)"


def to_parquet(frame: Any) -> bytes:
    """`write_parquet` into bytes."""
    out = io.BytesIO()
    write_parquet(frame, out)
    return out.getvalue()


def write_parquet(frame: Any, target: Any) -> None:
    """Writes a pandas, pyarrow or polars frame as one parquet file, timestamps in microseconds as flytekit writes them.

    Args:
        frame: The frame.
        target: A path or a binary stream.

    Raises:
        LiteralError: It is none of these, or holds what parquet cannot: nanoseconds, Python objects, two columns of a name.
        ConfigError: Nothing that is installed can write it.
    """
    if "polars" in _libraries(frame):
        frame = _collected(frame)
    _check_columns(frame)
    if not _installed("pyarrow"):
        _write_without_arrow(frame, target)
        return
    arrow = _need("pyarrow")
    parquet = _need("pyarrow.parquet")
    try:
        parquet.write_table(_as_table(frame, arrow), target, coerce_timestamps="us", allow_truncated_timestamps=False)
    except (arrow.ArrowException, ValueError, TypeError, ArithmeticError) as error:
        way_out = _NANOSECONDS if "would lose data" in str(error) else ""
        raise LiteralError(f"this frame cannot be written as parquet: {error}{way_out}") from error


def read_frame(files: Sequence[Any], format: str = "parquet") -> Any:  # noqa: A002 - Flyte's word
    """The files of one frame as one pandas DataFrame; as a pyarrow Table, or a polars DataFrame, where only that is installed.

    Args:
        files: Paths or binary file objects, in order.
        format: ``"parquet"`` or ``"csv"``.

    Raises:
        LiteralError: No files, another format, or damaged files.
        ConfigError: Nothing that is installed can read it.
    """
    if not files:
        raise LiteralError("this frame has no files: nothing was written below its URI")
    if not _installed("pyarrow"):
        return _read_without_arrow(files, format)
    arrow = _need("pyarrow")
    if format == "parquet":
        reader = _need("pyarrow.parquet").read_table
    elif format == "csv":
        reader = _need("pyarrow.csv").read_csv
    else:
        raise LiteralError(
            f"frames of format {format!r} cannot be read here; wanted parquet or csv. Download the files instead."
        )
    try:
        tables = [reader(file) for file in files]
        table = tables[0] if len(tables) == 1 else arrow.concat_tables(tables)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, arrow.ArrowNotImplementedError) as error:
        raise LiteralError(f"this frame cannot be read as {format}: {error}") from error
    try:
        importlib.import_module("pandas")
    except ImportError:
        return table
    return table.to_pandas()


def _as_table(frame: Any, arrow: Any) -> Any:
    if isinstance(frame, arrow.Table):
        return frame
    if "polars" in _libraries(frame):
        return frame.to_arrow()
    if "pandas" in _libraries(frame):
        return arrow.Table.from_pandas(frame)
    raise LiteralError(f"expected a pandas, pyarrow or polars frame, got {type(frame).__qualname__}")


def _libraries(frame: Any) -> set[str]:
    return {base.__module__.partition(".")[0] for base in type(frame).__mro__}


def _collected(frame: Any) -> Any:
    """A lazy frame of polars, computed."""
    if not hasattr(frame, "collect"):
        return frame
    try:
        return frame.collect()
    except _need("polars").exceptions.PolarsError as error:
        raise LiteralError(f"this lazy frame cannot be computed: {error}") from error


def _check_columns(frame: Any) -> None:
    """Refuses what libraries would write as something else, or as what nobody can read again."""
    libraries = _libraries(frame)
    if not libraries & {"pandas", "polars", "pyarrow"}:
        return
    names = list(frame.column_names if "pyarrow" in libraries else frame.columns)
    twice = sorted({str(name) for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise LiteralError(
            f"this frame cannot be written as parquet: two columns are called {', '.join(map(repr, twice))}; rename one"
        )
    if "pyarrow" in libraries:
        return
    kinds = dict(zip(names, frame.dtypes, strict=True))
    if "polars" in libraries:
        bad = [str(name) for name, kind in kinds.items() if str(kind).startswith("Object")]
        what = "hold Python objects, which polars writes as memory addresses: cast them to a type of polars"
    else:
        bad = [str(name) for name, kind in kinds.items() if str(kind).startswith("Sparse")]
        what = "are sparse: make them dense (frame.sparse.to_dense())"
    if bad:
        raise LiteralError(f"this frame cannot be written as parquet: columns {', '.join(map(repr, bad))} {what}")


def _installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _write_without_arrow(frame: Any, target: Any) -> None:
    """Polars writes parquet by itself; pandas through fastparquet, if that is there."""
    if "polars" in _libraries(frame):
        frame.write_parquet(target)
        return
    try:
        frame.to_parquet(target)
    except (ImportError, AttributeError):
        _need("pyarrow")


def _read_without_arrow(files: Sequence[Any], format: str) -> Any:  # noqa: A002 - Flyte's word
    library = next((name for name in ("polars", "pandas") if _installed(name)), "pyarrow")
    frames = _need(library)
    read = {"parquet": frames.read_parquet, "csv": frames.read_csv}.get(format)
    if read is None:
        raise LiteralError(f"frames of format {format!r} cannot be read here; wanted parquet or csv")
    damaged = (ValueError, OSError, *([frames.exceptions.PolarsError] if library == "polars" else []))
    try:
        tables = [read(file) for file in files]
    except ImportError:
        _need("pyarrow")
    except damaged as error:
        raise LiteralError(f"this frame cannot be read as {format}: {error}") from error
    return tables[0] if len(tables) == 1 else frames.concat(tables)


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError("frames need pyarrow, which is not installed: pip install flyte-bridge[dataframes]") from None
