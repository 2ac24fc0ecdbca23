"""What OpenLineage is told about a run: the files and frames that went in and came out, and which run it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["datasets", "lineage_of"]


def lineage_of(operator: Any) -> Any:
    """An ``OperatorLineage`` of Airflow's OpenLineage provider, which is who asks.

    Args:
        operator: A `FlyteRunOperator` that ran in this process: its inputs rendered, its outputs fetched.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset, ExternalQueryRunFacet
    from airflow.providers.openlineage.extractors import OperatorLineage

    facets = {}
    if operator.run_ref is not None:
        facets["externalQuery"] = ExternalQueryRunFacet(
            externalQueryId=str(operator.run_ref), source=operator.console_url or "flyte"
        )
    return OperatorLineage(
        inputs=[Dataset(*name) for name in datasets(operator.inputs)],
        outputs=[Dataset(*name) for name in datasets(operator.outputs_kept)],
        run_facets=facets,
    )


def datasets(values: Any) -> list[tuple[str, str]]:
    """Namespace and name of each, as OpenLineage names what lies under a URI (its spec, Naming)."""
    return list(dict.fromkeys(_named(uri) for uri in _uris(values)))


def _uris(value: Any) -> Iterator[str]:
    """Of files, folders and frames, as XComs and inputs hold them; an output that stayed in Flyte has none of its own."""
    if isinstance(value, Mapping):
        uri = value.get("uri") if "flyte_ref" in value else None
        if isinstance(uri, str) and value["flyte_ref"] != "output":
            yield uri
        for part in value.values():
            yield from _uris(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _uris(part)
    elif isinstance(uri := getattr(value, "uri", None), str):
        yield uri


def _named(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/") or "/"
