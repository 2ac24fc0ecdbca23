"""SettingsService and CacheService, as far as clients meet them: settings nobody has made, a cache that is not theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...model.status import Rejected

if TYPE_CHECKING:
    from ..wire.call import Incoming

__all__ = ["CacheHandlers", "SettingsHandlers"]


class SettingsHandlers:
    """One method per RPC."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def GetSettings(self, _request: Any, _call: Incoming) -> Any:
        """Not there, either."""
        raise Rejected("UNIMPLEMENTED", "settings resolution engine not implemented yet")

    def GetSettingsForEdit(self, request: Any, _call: Incoming) -> Any:
        """The empty settings of each level."""
        if not request.HasField("key"):
            raise Rejected("INVALID_ARGUMENT", "key is required")
        response = self._answer(requestedKey=request.key)
        levels: list[dict[str, str]] = [{}]
        if request.key.domain:
            levels.append({"domain": request.key.domain})
        if request.key.project:
            levels.append({"domain": request.key.domain, "project": request.key.project})
        for level in levels:
            one = response.levels.add()
            one.key.SetInParent()
            for name, value in level.items():
                setattr(one.key, name, value)
            one.settings.SetInParent()
        return response

    def CreateSettings(self, request: Any, _call: Incoming) -> Any:
        """Refused: nothing here reads settings."""
        self._refuse(request)

    def UpdateSettings(self, request: Any, _call: Incoming) -> Any:
        """Refused: nothing here reads settings."""
        self._refuse(request)

    def _refuse(self, request: Any) -> None:
        if not request.HasField("key") or not request.HasField("settings"):
            raise Rejected("INVALID_ARGUMENT", "key and settings are required")
        raise Rejected("UNIMPLEMENTED", "the sandbox has no settings; they need a Flyte cluster")


class CacheHandlers:
    """The executor's own cache service."""

    def Get(self, request: Any, _call: Incoming) -> Any:
        """Only for the executor."""
        if not request.HasField("base_request"):
            raise Rejected("INVALID_ARGUMENT", "base_request is required")
        raise Rejected("NOT_FOUND", "no such entry: the cache of the sandbox is not asked over the wire")
