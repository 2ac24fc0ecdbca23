"""The workflow that the demo runs: plain flytekit, as a user would write it. It knows nothing of Airflow or Dagster."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flytekit import task, workflow
from flytekit.types.file import FlyteFile


@dataclass
class Settings:
    """How to scale."""

    factor: float
    labels: list[str]


@dataclass
class Summary:
    """What came out."""

    rows: int
    mean: float
    note: str


@task
def scale(numbers: list[int], settings: Settings) -> list[float]:
    """Multiplies every number."""
    return [n * settings.factor for n in numbers]


@task
def tabulate(baseline: pd.DataFrame, scaled: list[float], settings: Settings) -> pd.DataFrame:
    """Puts the scaled numbers beside a table that the caller sent."""
    table = baseline.copy()
    for label in settings.labels:
        table[label] = scaled
    return table


@task
def summarise(table: pd.DataFrame, notes: FlyteFile) -> tuple[Summary, FlyteFile]:
    """Counts, averages, and writes a report beside the file that the caller sent."""
    first_line = Path(notes.download()).read_text().splitlines()[0]
    summary = Summary(rows=len(table), mean=float(table.select_dtypes("number").to_numpy().mean()), note=first_line)
    report = Path("report.txt")
    report.write_text(f"{summary.rows} rows, mean {summary.mean:.2f}: {first_line}\n")
    return summary, FlyteFile(str(report.absolute()))


@workflow
def measure(
    numbers: list[int], settings: Settings, notes: FlyteFile, baseline: pd.DataFrame
) -> tuple[Summary, list[float], pd.DataFrame, FlyteFile]:
    """A dataclass, a list, a file and a data frame go in, and come out."""
    scaled = scale(numbers=numbers, settings=settings)
    table = tabulate(baseline=baseline, scaled=scaled, settings=settings)
    summary, report = summarise(table=table, notes=notes)
    return summary, scaled, table, report
