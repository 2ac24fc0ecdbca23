"""What `Flyte2Backend` says of tasks and files: the half of it that is not about runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...model.errors import Unsupported
from ...model.ids import EntityKind
from ..values import SignedUpload
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ...model.graph import WorkflowGraph
    from ...model.ids import EntityRef
    from ..values import Interface
    from .tasks import Flyte2Tasks

__all__ = ["Flyte2Catalog"]


class Flyte2Catalog:
    """Tasks, and places for files."""

    def __init__(self, calls: Calls, config: Config) -> None:
        self._calls = calls
        self._config = config
        self._org = config.org

    @cached_property
    def tasks(self) -> Flyte2Tasks:
        """Tasks and triggers, as what is launched."""
        from .tasks import Flyte2Tasks

        return Flyte2Tasks(self._calls, self._config)

    async def interface(self, entity: EntityRef) -> Interface:
        """See `Flyte2Tasks.interface`."""
        return await self.tasks.interface(entity)

    async def workflow(self, entity: EntityRef) -> Interface:
        """There are none."""
        return await self.tasks.interface(entity)

    async def graph(self, workflow: EntityRef) -> WorkflowGraph:
        """There are none: which actions a run has is decided while it runs.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(f"{workflow}: Flyte 2 has no graph of a task before it runs; see nodes() of a run")

    async def description(self, entity: EntityRef) -> str:
        """What the task's author wrote about it."""
        if entity.kind is not EntityKind.TASK:
            return ""
        about = (await self.tasks.details(entity)).spec.documentation
        return str(about.long_description or about.short_description)

    # -- data

    async def upload_location(
        self, project: str, domain: str, *, file_name: str, md5: bytes, root: str = ""
    ) -> SignedUpload:
        """CreateUploadLocation. Content-addressed unless `root` puts several objects under one prefix."""
        from flyteidl2.dataproxy import dataproxy_service_pb2

        from ..object_names import asked, uri_of

        request = dataproxy_service_pb2.CreateUploadLocationRequest(
            project=project,
            domain=domain,
            org=self._org or "",
            filename=asked(file_name),
            content_md5=md5,
            filename_root=asked(root),
            add_content_md5_metadata=True,
        )
        request.expires_in.FromSeconds(3600)
        answer = await self._calls.unary(rpc("CreateUploadLocation"), request)
        uri = uri_of(answer.native_url, answer.signed_url, root=root, name=file_name)
        return SignedUpload(url=answer.signed_url, uri=uri, headers=dict(answer.headers))

    async def download_url(self, uri: str, *, spelled: bool = False) -> str:
        """Flyte 2 signs reports and code bundles only.

        Raises:
            Unsupported: Always; files are then read from the store itself.
        """
        raise Unsupported(f"{uri}: Flyte 2 signs no downloads (spelled={spelled}); give access to the store itself")
