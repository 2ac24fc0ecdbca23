"""The workflows that the Airflow and Dagster examples run: plain flytekit.

Register them once, from this folder:

python -m bridge_core.sandbox &          # prints the line: export FLYTECTL_CONFIG=…
pyflyte register -p flytesnacks -d development workflows.py
"""

from typing import NamedTuple

from flytekit import task, workflow


class Extracted(NamedTuple):
    """What `extract` gives: outputs with names of their own."""

    day: str
    limit: int


class Trained(NamedTuple):
    """What `train` gives."""

    day: str
    epochs: int


@task
def take(day: str, limit: int) -> Extracted:
    return Extracted(day, limit)


@task
def fit(day: str, epochs: int) -> Trained:
    return Trained(day, epochs)


@workflow
def extract(day: str, limit: int) -> Extracted:
    taken = take(day=day, limit=limit)
    return Extracted(taken.day, taken.limit)


@workflow
def train(day: str, epochs: int) -> Trained:
    fitted = fit(day=day, epochs=epochs)
    return Trained(fitted.day, fitted.epochs)
