"""Drive Flyte runs from other orchestrators."""
