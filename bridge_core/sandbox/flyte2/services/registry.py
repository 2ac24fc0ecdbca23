"""Which services the Flyte 2 server has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...auth.access import Auth
    from ...blobs.signing import Signer
    from ...model.layout import Layout
    from ...store.projects import Projects
    from ..engine.engine import Flyte2Engine
    from ..store.tasks import Tasks
    from ..store.triggers import Triggers
    from ..wire.server import Flyte2Server

__all__ = ["serve"]


def serve(
    server: Flyte2Server,
    engine: Flyte2Engine,
    projects: Projects,
    tasks: Tasks,
    stored_triggers: Triggers,
    *,
    layout: Layout,
    signer: Signer,
    auth: Auth | None,
    token_server: str,
) -> Callable[[Any], Any]:
    """Puts the services on the server.

    Returns:
        What creates a run of a CreateRunRequest, as a client's call does.
    """
    from flyteidl2.actions import actions_service_pb2
    from flyteidl2.auth import auth_service_pb2, identity_pb2
    from flyteidl2.cacheservice.v2 import cacheservice_pb2
    from flyteidl2.cluster import service_pb2 as cluster_service_pb2
    from flyteidl2.dataproxy import dataproxy_service_pb2
    from flyteidl2.project import project_service_pb2
    from flyteidl2.secret import secret_pb2
    from flyteidl2.settings import settings_service_pb2
    from flyteidl2.task import task_service_pb2
    from flyteidl2.trigger import trigger_service_pb2
    from flyteidl2.workflow import run_service_pb2, translator_service_pb2

    from ..store.secrets import Secrets
    from ..wire.call import Incoming
    from .actions import ActionsHandlers
    from .cluster import ClusterHandlers
    from .dataproxy import DataProxyHandlers
    from .identity import AuthMetadataHandlers, Identities, IdentityHandlers
    from .listings import ListingHandlers
    from .projects import ProjectHandlers
    from .runs import RunHandlers
    from .secrets import SecretHandlers
    from .settings import CacheHandlers, SettingsHandlers
    from .tasks import TaskHandlers
    from .translator import TranslatorHandlers
    from .triggers import TriggerHandlers
    from .watches import WatchHandlers

    identities = Identities()
    triggers = TriggerHandlers(stored_triggers, tasks, identities)
    runs = RunHandlers(projects, tasks, triggers, engine, identities)
    of_runs = (
        runs,
        ListingHandlers(engine, identities),
        WatchHandlers(engine),
    )
    for module, name, handlers in (
        (project_service_pb2, "ProjectService", (ProjectHandlers(projects),)),
        (task_service_pb2, "TaskService", (TaskHandlers(projects, tasks, triggers, identities),)),
        (run_service_pb2, "RunService", of_runs),
        (trigger_service_pb2, "TriggerService", (triggers,)),
        (
            dataproxy_service_pb2,
            "DataProxyService",
            (DataProxyHandlers(projects, tasks, triggers, engine, layout=layout, signer=signer),),
        ),
        (actions_service_pb2, "ActionsService", (ActionsHandlers(engine, identities),)),
        (cluster_service_pb2, "ClusterService", (ClusterHandlers(),)),
        (identity_pb2, "IdentityService", (IdentityHandlers(identities),)),
        (auth_service_pb2, "AuthMetadataService", (AuthMetadataHandlers(auth, token_server),)),
        (secret_pb2, "SecretService", (SecretHandlers(Secrets(engine.context.database)),)),
        (translator_service_pb2, "TranslatorService", (TranslatorHandlers(),)),
        (
            settings_service_pb2,
            "SettingsService",
            (SettingsHandlers(settings_service_pb2.GetSettingsForEditResponse),),
        ),
        (cacheservice_pb2, "CacheService", (CacheHandlers(),)),
    ):
        server.add(module.DESCRIPTOR.services_by_name[name], *handlers)
    return lambda request: runs.CreateRun(request, Incoming())
