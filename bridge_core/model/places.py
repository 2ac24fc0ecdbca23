"""Project and domain: named where something is asked for, else in the configuration, else nowhere, which is an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .errors import ConfigError, NotFound

__all__ = ["Place", "check_domain", "placed"]


class Place(Protocol):
    """A `Config`, or whatever else names both."""

    @property
    def project(self) -> str | None: ...  # noqa: D102
    @property
    def domain(self) -> str | None: ...  # noqa: D102


def placed(
    what: str, project: str | None, domain: str | None, config: Place, *, written: str = "", settings: str = "Config"
) -> tuple[str, str]:
    """Project and domain: the given ones, else those of the configuration.

    Args:
        what: Who asks, for the message.
        project: As given.
        domain: As given.
        config: What has the defaults.
        written: Where they can be given, for the message: ``in the reference (task:project/domain/name)``.
        settings: What users write defaults in: ``Config``, ``FlyteResource``.

    Raises:
        ConfigError: Nobody names one; the message says where it can be named.
    """
    found = {"project": project or config.project, "domain": domain or config.domain}
    missing = [part for part, value in found.items() if not value]
    if missing:
        raise ConfigError(
            f"{what}: no {' and no '.join(missing)}; name what is missing {written + ', ' if written else ''}in "
            f"{settings}({', '.join(f'{part}=…' for part in missing)}), "
            f"on the command line ({' '.join(f'--{part}' for part in missing)}), or in the environment "
            f"({' '.join(f'FLYTE_LOCAL_{part.upper()}' for part in missing)})"
        )
    return str(found["project"]), str(found["domain"])


def check_domain(project: str, domain: str, domains: Sequence[str]) -> None:
    """Compares with what the project has; without any, nothing is known.

    Raises:
        NotFound: It has others only.
    """
    if domains and domain not in domains:
        raise NotFound(f"project {project!r} has no domain {domain!r}; it has {', '.join(domains)}")
