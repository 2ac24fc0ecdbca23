"""Several teams in one code location: what a `FlyteResource` lets its assets and ops launch and register."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bridge_core import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge_core import EntityRef

__all__ = ["Limits"]


class Limits(NamedTuple):
    """What is allowed; None: anything. False where nothing is forbidden."""

    projects: Sequence[str] | None
    """``project`` or ``project/domain``."""
    service_accounts: Sequence[str] | None

    def __bool__(self) -> bool:
        return self.projects is not None or self.service_accounts is not None

    def check(self, entity: EntityRef, account: str, in_places: str, as_accounts: str) -> None:
        """Nothing, if it may be there, and runs as somebody who is allowed.

        Args:
            entity: With project and domain.
            account: Service account that it names; empty for none.
            in_places: What is done in projects, for the message: ``launches in``.
            as_accounts: What is done with accounts: ``lets runs use``.

        Raises:
            InvalidRequest: It may not, or does not.
        """
        place, projects, accounts = f"{entity.project}/{entity.domain}", self.projects, self.service_accounts
        if projects is not None and entity.project not in projects and place not in projects:
            raise InvalidRequest(
                f"{entity}: this FlyteResource {in_places} {', '.join(projects) or 'no project'} only (allowed_projects), not "
                f"in {place}"
            )
        if account and accounts is not None and account not in accounts:
            raise InvalidRequest(
                f"{entity}: this FlyteResource {as_accounts} {', '.join(accounts) or 'no service account'} only "
                f"(allowed_service_accounts), not {account!r}"
            )
