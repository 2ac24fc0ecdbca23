"""Where a job or an asset is: which repository of which code location."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge_core import InvalidRequest, NotFound

from ._queries import PLACES

if TYPE_CHECKING:
    from ._api import DagsterApi
    from ._settings import JobSettings

__all__ = ["execution_params", "selector_of"]

_ASSET_JOB = "__ASSET_JOB"


def selector_of(api: DagsterApi, settings: JobSettings) -> dict[str, Any]:
    """What Dagster finds the job by.

    Raises:
        NotFound: No repository has it.
        InvalidRequest: Several have, and the task does not say which.
    """
    wanted = {"assets": settings.assets} if settings.assets else {"job": settings.job}
    if settings.repository and settings.location:
        return _selector(settings, settings.repository, settings.location)
    result = api.ask(PLACES)
    api.did("look for repositories", result, "RepositoryConnection")
    found = []
    for node in result["nodes"]:
        place = node["name"], node["location"]["name"]
        if settings.repository not in (None, place[0]) or settings.location not in (None, place[1]):
            continue
        jobs = {job["name"] for job in node["pipelines"]}
        assets = {tuple(asset["assetKey"]["path"]) for asset in node["assetNodes"]}
        if set(settings.assets) <= assets if settings.assets else settings.job in jobs:
            found.append(place)
    if not found:
        raise NotFound(f"Dagster at {api.url} has no code location with {_shown(wanted)}; is it loaded there?")
    if len(found) > 1:
        places = ", ".join(f"{repository} of {location}" for repository, location in found)
        raise InvalidRequest(f"{_shown(wanted)} is in {places}; say which one, as repository and location in custom")
    return _selector(settings, *found[0])


def execution_params(settings: JobSettings, selector: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """What is launched."""
    if settings.partition is not None:
        tags = {**tags, "dagster/partition": settings.partition}
    return {
        "selector": selector,
        "mode": "default",
        "runConfigData": settings.run_config,
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }


def _selector(settings: JobSettings, repository: str, location: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "repositoryName": repository,
        "repositoryLocationName": location,
        "jobName": settings.job or _ASSET_JOB,
    }
    if settings.assets:
        out["assetSelection"] = [{"path": list(key)} for key in settings.assets]
    return out


def _shown(wanted: Mapping[str, Any]) -> str:
    if "job" in wanted:
        return f"job {wanted['job']!r}"
    return f"assets {', '.join('/'.join(key) for key in wanted['assets'])}"
