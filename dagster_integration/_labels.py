"""Labels that say, on the Flyte side, which Dagster run and step a run belongs to."""

from __future__ import annotations

import hashlib
import re

__all__ = ["label_value"]

_LIMIT = 63
_DIGEST = 8
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]")


def label_value(text: str) -> str:
    """The text as a legal Kubernetes label value: at most 63 of ``[A-Za-z0-9_.-]``, alphanumeric at both ends.

    Flyte hands labels on to pods, where an illegal one fails the run. A text that is too long keeps its beginning and gets
    a digest, so that two long step keys stay different.

    Example:
        >>> label_value("train[part-1]")
        'train-part-1'
    """
    legal = _ILLEGAL.sub("-", text).strip("_.-")
    if len(legal) <= _LIMIT:
        return legal
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{legal[: _LIMIT - _DIGEST - 1].rstrip('_.-')}-{digest}"
