"""The files under ``deploy/``, read as those read them for whom they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def documents(name: str) -> list[Any]:
    """All documents of a YAML file."""
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one]


def manifest(name: str, kind: str) -> Any:
    """The one object of that kind."""
    (found,) = [one for one in documents(name) if one["kind"] == kind]
    return found


def instruction(name: str, word: str) -> list[str]:
    """The words of an instruction of a Dockerfile in its exec form; of the last one, as Docker has it."""
    found = re.findall(rf"^{word} (\[.*\])$", (DEPLOY / "docker" / name).read_text(), re.MULTILINE)
    words: list[str] = json.loads(found[-1])
    return words


def cron_lines() -> list[tuple[str, str]]:
    """(fields, command) of every line of the crontab, as cron gives it to the shell: ``\\%`` is a percent sign."""
    lines = (DEPLOY / "cron" / "crontab").read_text().splitlines()
    jobs = [line.split(" ", 5) for line in lines if re.match(r"[0-9*]", line)]
    return [(" ".join(parts[:5]), parts[5].replace("\\%", "%")) for parts in jobs]
