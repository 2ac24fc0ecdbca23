"""Who launched a run, for its page: what Airflow, Dagster or the scheduler left on it, with the link back to their side."""

from __future__ import annotations

from collections.abc import Mapping

from bridge_core.model.provenance import Provenance

from .html import Markup, link

__all__ = ["launcher"]

_NAMES = {
    "airflow": ("Airflow", {"job": "DAG", "task": "task", "part": "map index", "run": "DAG run"}),
    "dagster": ("Dagster", {"asset": "asset", "job": "job", "task": "step", "part": "partition", "run": "run"}),
    "scheduler": ("scheduler", {"job": "trigger", "tick": "tick"}),
}


def launcher(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Markup | str | None:
    """Their names for it, a link where they said where they are; None when nobody of these launched it."""
    by = Provenance.of(labels, annotations)
    if by is None or by.source not in _NAMES:
        return None
    title, fields = _NAMES[by.source]
    told = ", ".join(f"{word} {value}" for field, word in fields.items() if (value := getattr(by, field)))
    text = f"{title}: {told}" if told else title
    return link(text, by.url) if by.url else text
