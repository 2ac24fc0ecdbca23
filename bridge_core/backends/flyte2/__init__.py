"""Flyte 2's messages <-> our values. The one place that imports flyteidl2."""
