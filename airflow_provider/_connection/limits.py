"""Several teams in one Airflow: a connection may say which projects, domains and service accounts its tasks use.

Checked before anything is sent. Flyte's own authorisation is still the one that counts: who may edit connections may edit this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bridge_core import ConfigError

if TYPE_CHECKING:
    from bridge_core import RunOptions

__all__ = ["ConnectionLimits"]


class ConnectionLimits(NamedTuple):
    """What is allowed; None: anything."""

    conn_id: str
    domains: tuple[str, ...] | None = None
    projects: tuple[str, ...] | None = None
    service_accounts: tuple[str, ...] | None = None

    def check_place(self, project: str | None, domain: str | None) -> None:
        """Nothing, if runs may be there.

        Raises:
            ConfigError: They may not.
        """
        for what, name, allowed in (("project", project, self.projects), ("domain", domain, self.domains)):
            if allowed is not None and name is not None and name not in allowed:
                raise self._refusal(what, name, allowed)

    def check_options(self, options: RunOptions) -> None:
        """Nothing, if a run may have them.

        Raises:
            ConfigError: It would run under another service account, or under whichever the launch plan names.
        """
        if self.service_accounts is None:
            return
        context = options.security_context
        named = {name for name in (options.service_account, getattr(context, "service_account", None)) if name}
        for name in sorted(named):
            if name not in self.service_accounts:
                raise self._refusal("service account", name, self.service_accounts)
        if not named:
            raise ConfigError(
                f"connection {self.conn_id!r} allows the service accounts {', '.join(self.service_accounts)} only, and this run "
                "names none; give one of them in options: {'service_account': …}"
            )

    def _refusal(self, what: str, name: str, allowed: tuple[str, ...]) -> ConfigError:
        return ConfigError(
            f"connection {self.conn_id!r} does not allow {what} {name!r}, but {', '.join(allowed) or 'none'} "
            f"(allowed_{what.replace(' ', '_')}s in its extra); use another connection, or ask who owns this one"
        )
