"""Loading pickles, which runs whatever code is in them: only where the caller said so (``allow_pickle=True``)."""

from __future__ import annotations

import pickle
from typing import Any

from ..model.errors import LiteralError

__all__ = ["unpickle"]


def unpickle(raw: bytes, uri: str) -> Any:
    """The object in a pickle that flytekit (cloudpickle) wrote.

    Raises:
        LiteralError: It is damaged, or needs a module or class that is not installed here.
    """
    try:
        return pickle.loads(raw)  # noqa: S301  # the caller asked for it by name
    except (ImportError, AttributeError) as error:
        raise LiteralError(
            f"the pickle at {uri} needs what is not installed here: {error}. Install the task's code, or leave allow_pickle out"
        ) from error
    except Exception as error:  # a pickle may raise anything
        raise LiteralError(f"the pickle at {uri} cannot be loaded: {type(error).__name__}: {error}") from error
