"""Launch plans from a YAML file: all of it is read, or all that is wrong with it is told, by file and line.

launch_plans:
  - name: shop.nightly
    workflow: shop.report         # of the same registration, or the newest at the server; shop.report@v3 pins one
    defaults: {day: $trigger_time}
    fixed: {top: 10}
    cron: "0 3 * * *"             # or interval_minutes: 15
    timezone: Europe/Berlin
    labels: {team: shop}
    notifications: [{kind: email, recipients: [oncall@example.com], phases: [FAILED]}]
    concurrency: 1
    auto_activate: true
"""

from __future__ import annotations

from pathlib import Path

from ..model.errors import BridgeError, ConfigError
from ..yaml_lines import Located, problem, read_yaml
from .launch_plan import LaunchPlan

__all__ = ["is_launch_plan_file", "read_launch_plans"]


def is_launch_plan_file(path: Path) -> bool:
    """Whether its name says that it is YAML."""
    return path.suffix in (".yaml", ".yml")


def read_launch_plans(path: Path) -> tuple[LaunchPlan, ...]:
    """Reads the launch plans of a file.

    Raises:
        ConfigError: It cannot be read, or is no such file; one line per problem, each with file and line.
    """
    source = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{source}: cannot be read: {reason}") from None
    document = read_yaml(text, source)
    items = document.get("launch_plans") if isinstance(document, Located) else None
    if not isinstance(document, Located) or not isinstance(items, list) or not items:
        raise ConfigError(
            problem(
                source,
                1,
                "wanted a mapping with a list 'launch_plans:', one item with name and workflow per launch plan",
            )
        )
    problems = [
        problem(source, document.line_of(key), f"unknown key {key!r}; a file of launch plans has launch_plans alone")
        for key in document
        if key != "launch_plans"
    ]
    found: list[LaunchPlan] = []
    for item in items:
        if not isinstance(item, Located):
            line = document.line_of("launch_plans")
            problems.append(
                problem(source, line, f"a launch plan must be a mapping with name and workflow, got {item!r}")
            )
            continue
        try:
            found.append(LaunchPlan.from_dict(item.plain()))
        except BridgeError as error:
            problems.append(problem(source, item.line_of(_about(error.message, item)), error.message))
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(found)


def _about(message: str, item: Located) -> str:
    """The key that a message is about: the first that it names after the launch plan's own name."""
    said = message.removeprefix(f"launch plan {item.get('name')!r}")
    named = {key: place for key in item if (place := said.find(key)) >= 0}
    return min(named, key=lambda key: named[key], default="name")
