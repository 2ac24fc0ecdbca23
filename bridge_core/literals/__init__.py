"""Python values to Flyte literals and back, without I/O and without a Flyte SDK.

Encoding follows the *remote* type, so what a scheduler sends is checked against what the registered entity declares; files
and frames become placeholders plus a list of uploads that somebody else performs. Decoding gives plain Python and inert
references. Submodules load on use, because protobuf and msgpack must not burden whoever only imports this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .codec import Codec
    from .dataframes import read_frame, to_parquet
    from .describe import describe_type
    from .encoded import Encoded, EncodedValue, Upload
    from .fingerprints import differing, fingerprint
    from .hash_and_metadata import Hashed, literal_hash, literal_metadata
    from .offloading import offloaded_uris, replace_offloaded
    from .to_classes import as_type
    from .usertypes import TypeCodec

__all__ = [
    "Codec",
    "Encoded",
    "EncodedValue",
    "Hashed",
    "TypeCodec",
    "Upload",
    "as_type",
    "describe_type",
    "differing",
    "fingerprint",
    "literal_hash",
    "literal_metadata",
    "offloaded_uris",
    "read_frame",
    "replace_offloaded",
    "to_parquet",
]

_HOMES = {
    "Codec": "codec",
    "Encoded": "encoded",
    "EncodedValue": "encoded",
    "Hashed": "hash_and_metadata",
    "TypeCodec": "usertypes",
    "Upload": "encoded",
    "as_type": "to_classes",
    "describe_type": "describe",
    "differing": "fingerprints",
    "fingerprint": "fingerprints",
    "literal_hash": "hash_and_metadata",
    "literal_metadata": "hash_and_metadata",
    "offloaded_uris": "offloading",
    "read_frame": "dataframes",
    "replace_offloaded": "offloading",
    "to_parquet": "dataframes",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
