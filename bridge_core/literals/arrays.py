"""numpy arrays to ``.npy`` files, as flytekit's ``NumpyArray`` blobs have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.errors import LiteralError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT", "is_array", "read_npy", "write_npy"]

FORMAT = "NumpyArray"


def is_array(value: Any) -> bool:
    """Whether it is a numpy array; looks at names, imports nothing."""
    return type(value).__module__ == "numpy" and hasattr(value, "ndim") and hasattr(value, "tobytes")


def write_npy(array: Any, target: Path) -> None:
    """Writes an array.

    Raises:
        LiteralError: It holds Python objects, which only a pickle could carry.
    """
    import numpy as np

    try:
        with target.open("wb") as file:
            np.save(file, array, allow_pickle=False)
    except ValueError as error:
        raise LiteralError(f"this array cannot be written without a pickle: {error}; give it a plain dtype") from error


def read_npy(source: Any, *, allow_pickle: bool = False) -> Any:
    """Reads an array from a path or a binary stream.

    Raises:
        LiteralError: It is damaged, or holds Python objects and ``allow_pickle`` was not given.
    """
    import numpy as np

    try:
        return np.load(source, allow_pickle=allow_pickle)
    except (ValueError, EOFError, OSError) as error:
        raise LiteralError(f"not readable as a numpy array: {error}") from error
