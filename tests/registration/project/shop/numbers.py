"""Imported by the workflows: part of what names the content."""

FACTOR = 2


def scaled(value: int) -> int:
    return FACTOR * value
