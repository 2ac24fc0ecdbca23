"""Several teams in one Airflow: a connection may say which projects, domains and service accounts its tasks use.

Checked before anything is sent. Flyte's own authorisation is still the one that counts: who may edit connections may edit this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bridge_core import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge_core import RegistrationReport, RunOptions

__all__ = ["ConnectionLimits"]


class ConnectionLimits(NamedTuple):
    """What is allowed; None: anything."""

    conn_id: str
    domains: tuple[str, ...] | None = None
    projects: tuple[str, ...] | None = None
    service_accounts: tuple[str, ...] | None = None

    @property
    def limited(self) -> bool:
        """Whether anything is forbidden."""
        return any(allowed is not None for allowed in (self.domains, self.projects, self.service_accounts))

    def check_place(self, project: str | None, domain: str | None) -> None:
        """Nothing, if runs may be there.

        Raises:
            ConfigError: They may not.
        """
        for what, name, allowed in (("project", project, self.projects), ("domain", domain, self.domains)):
            if allowed is not None and name is not None and name not in allowed:
                raise self._refusal(what, name, allowed)

    def check_options(self, options: RunOptions, what: str = "this run") -> None:
        """Nothing, if a run may have them.

        Raises:
            ConfigError: It would run under another service account, or under whichever the launch plan names.
        """
        if self.service_accounts is None:
            return
        context = options.security_context
        named = {name for name in (options.service_account, getattr(context, "service_account", None)) if name}
        self._check_accounts(named)
        if not named:
            raise self._none_named(what)

    def check_registration(self, plan: RegistrationReport) -> None:
        """Nothing, if what a registration would bring may be there, and runs as somebody who is allowed.

        Args:
            plan: Of a dry run.

        Raises:
            ConfigError: It may not; or a launch plan would be activated that names no service account although only some are
                allowed (other launches name one, see `check_options`).
        """
        for item in plan.entities:
            self.check_place(item.ref.project, item.ref.domain)
            if self.service_accounts is None:
                continue
            self._check_accounts([item.service_account] if item.service_account else [])
            if item.outcome == "activated" and not item.service_account:
                raise self._none_named(f"{item.ref}, which would be activated,")

    def _check_accounts(self, named: Iterable[str]) -> None:
        allowed = self.service_accounts or ()
        for name in sorted(named):
            if name not in allowed:
                raise self._refusal("service account", name, allowed)

    def _none_named(self, what: str) -> ConfigError:
        return ConfigError(
            f"connection {self.conn_id!r} allows the service accounts {', '.join(self.service_accounts or ())} only, and {what} "
            "names none; give one of them in options: {'service_account': …}"
        )

    def _refusal(self, what: str, name: str, allowed: tuple[str, ...]) -> ConfigError:
        return ConfigError(
            f"connection {self.conn_id!r} does not allow {what} {name!r}, but {', '.join(allowed) or 'none'} "
            f"(allowed_{what.replace(' ', '_')}s in its extra); use another connection, or ask who owns this one"
        )
