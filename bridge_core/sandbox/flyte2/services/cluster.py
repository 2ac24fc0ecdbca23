"""ClusterService: which data plane to use; here always this server, as the caller named it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.cluster import payload_pb2

if TYPE_CHECKING:
    from ..wire.call import Incoming

__all__ = ["ClusterHandlers"]


class ClusterHandlers:
    """One method per RPC."""

    def SelectCluster(self, _request: Any, call: Incoming) -> Any:
        """Scheme and host of the request itself."""
        return payload_pb2.SelectClusterResponse(cluster_endpoint=call.base_url)
