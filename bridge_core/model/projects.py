"""`Project`: where entities and runs live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .errors import NotFound
from .public import public

__all__ = ["Project", "domains_of"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of a Flyte."""

    id: str
    """What references and settings name."""
    name: str = ""
    """What people are shown."""
    description: str = ""
    domains: tuple[str, ...] = ()
    """Ids of its domains, in the order of the installation."""
    labels: Mapping[str, str] = field(default_factory=dict)
    archived: bool = False


def domains_of(project: str, projects: Iterable[Project]) -> list[str]:
    """Ids of the domains of one of these.

    Raises:
        NotFound: No such project; names those there are.
    """
    found = {item.id: item.domains for item in projects}
    if project not in found:
        raise NotFound(f"no project {project!r}; there are {', '.join(found) or 'none that you may see'}")
    return list(found[project])
