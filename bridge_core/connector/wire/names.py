"""Full names of the services, known before their messages are imported."""

from __future__ import annotations

__all__ = ["FLYTE1", "FLYTE2"]

FLYTE1 = (
    "flyteidl.service.AsyncAgentService",
    "flyteidl.service.SyncAgentService",
    "flyteidl.service.AgentMetadataService",
)
FLYTE2 = ("flyteidl2.connector.AsyncConnectorService", "flyteidl2.connector.ConnectorMetadataService")
