"""What the verbs need from a Flyte, whatever its wire API: the seam between `_operations` and `backends`.

Literals and literal types cross it as protobuf messages (both APIs share ``flyteidl.core``); nothing else of the wire does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..model.capabilities import Capabilities
    from ..model.graph import WorkflowGraph
    from ..model.ids import EntityKind, EntityRef, RunRef
    from ..model.nodes import Attempt, LogLine, NodeSnapshot, SpanMetric
    from ..model.projects import Project
    from ..model.run_options import RunOptions
    from ..model.run_query import RunQuery
    from ..model.runs import RunSnapshot
    from ..schedules import DeployedTrigger, Trigger
    from .values import Existing, Interface, NodeValues, SignedUpload, StoredLiterals

__all__ = ["Backend", "Lists", "Nodes", "Projects", "Registry", "Triggers"]


class Nodes(Protocol):
    """The inside of runs."""

    async def tree(self, ref: RunRef) -> tuple[NodeSnapshot, ...]:
        """All nodes as a tree, in the order of the workflow; the number of calls depends on that of leaves by paging only."""
        ...

    async def attempts(self, ref: RunRef, node_id: str) -> tuple[Attempt, ...]:
        """Attempts of one node, oldest first."""
        ...

    async def values(self, ref: RunRef, node_id: str, attempt: int | None) -> NodeValues:
        """What a node, or one attempt of it, was given and gave. Raises `NotFound` for a node or attempt that is not there."""
        ...

    async def deck_urls(self, ref: RunRef, node_id: str) -> list[str]:
        """Signed URLs of a node's deck."""
        ...

    async def metrics(self, ref: RunRef) -> SpanMetric:
        """Where the time went."""
        ...

    def tail(self, ref: RunRef, node_id: str, attempt: int | None) -> AsyncIterator[LogLine]:
        """Lines of the log of one attempt, as they come; the last attempt when none is named."""
        ...

    async def gate_type(self, ref: RunRef, signal_id: str) -> Any | None:
        """``LiteralType`` that a gate waits for, or None while the run has not reached it."""
        ...

    async def set_signal(self, ref: RunRef, signal_id: str, literal: Any) -> None:
        """Gives a gate its value."""
        ...


class Lists(Protocol):
    """Lists of runs and entities."""

    def runs(self, project: str, domain: str, query: RunQuery, limit: int) -> AsyncIterator[RunSnapshot]:
        """Runs that match, page by page as they are consumed."""
        ...

    async def names(self, kind: EntityKind, project: str, domain: str) -> list[EntityRef]:
        """All entities of a kind, without versions."""
        ...

    async def versions(self, entity: EntityRef, limit: int) -> list[EntityRef]:
        """Versions of one entity, newest first."""
        ...


class Projects(Protocol):
    """Where entities and runs live."""

    async def all(self) -> list[Project]:
        """Projects that are not archived, by id."""
        ...

    async def domains(self, project: str | None) -> list[str]:
        """Ids of domains: of a project, or of the installation."""
        ...


class Triggers(Protocol):
    """Triggers that the server itself fires."""

    def check(self, trigger: Trigger, interface: Interface) -> None:
        """Raises `Unsupported` or `InvalidRequest` for what this server cannot fire, before anything is sent."""
        ...

    async def deploy(self, trigger: Trigger, interface: Interface, literals: Any) -> DeployedTrigger:
        """Makes the server know it, and fire it unless it says otherwise; the same again changes nothing."""
        ...

    async def activate(self, ref: EntityRef) -> DeployedTrigger:
        """Starts it."""
        ...

    async def deactivate(self, ref: EntityRef) -> DeployedTrigger:
        """Stops it."""
        ...

    async def delete(self, ref: EntityRef) -> None:
        """Makes the server forget it. One that is not there is success."""
        ...

    def listed(self, project: str, domain: str) -> AsyncIterator[DeployedTrigger]:
        """Everything with a schedule."""
        ...


class Registry(Protocol):
    """What is registered."""

    async def of_version(self, kind: EntityKind, project: str, domain: str, version: str) -> Mapping[str, Any]:
        """Name -> what the server keeps of it, of all entities with that version."""
        ...

    async def exists(self, ref: EntityRef) -> bool:
        """Whether a pinned entity is there."""
        ...

    def same(self, kept: Any, message: Any) -> bool:
        """Whether what `of_version` told is this very thing; False when that cannot be told without asking."""
        ...

    def is_active(self, kept: Any) -> bool:
        """Whether a launch plan of `of_version` is active."""
        ...

    def account_of(self, ref: EntityRef, message: Any) -> str:
        """The Kubernetes service account that an entity names for its runs; empty when it names none."""
        ...

    async def create(self, ref: EntityRef, message: Any) -> str | None:
        """None when it was made now, an empty text when the identical one is there, else what differs."""
        ...

    async def activate(self, ref: EntityRef) -> None:
        """Makes this version of a launch plan the active one."""
        ...


class Backend(Protocol):
    """One wire API. Every method is one call, or the few that mean one thing; no policy lives here."""

    async def ready(self) -> None:
        """Finds out what this is, where that is not known yet; every other awaited method does so itself."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do. Known after `ready`."""
        ...

    @property
    def enum_form(self) -> str:
        """What members of Python enums are on the wire: their ``value`` or their ``name``."""
        ...

    def same_entity(self, wanted: EntityRef, launched: EntityRef) -> bool:
        """Whether a run that was launched from one is a run of the other; what names no version matches any."""
        ...

    async def describe(self, ref: RunRef, *, timeout: float | None = None) -> RunSnapshot:
        """The run as it is now, with its full error. Raises `RunNotFound`. ``timeout``: seconds, at most the Config's."""
        ...

    async def listed(
        self, project: str, domain: str, names: Sequence[str], *, timeout: float | None = None
    ) -> Mapping[str, RunSnapshot]:
        """Many runs in one call, as lists show them: errors may be cut short. Names that are missing are archived or gone.

        ``timeout`` as in `describe`.
        """
        ...

    async def find(self, ref: RunRef) -> Existing | None:
        """The run that has this name, or None."""
        ...

    async def stored_inputs(self, ref: RunRef) -> StoredLiterals:
        """Inputs that the run has stored."""
        ...

    async def interface(self, entity: EntityRef) -> Interface:
        """Resolves version None, ``latest`` and ``active``. Raises `EntityNotFound`."""
        ...

    async def workflow(self, entity: EntityRef) -> Interface:
        """A workflow as such, whatever launches it. Resolves version None and ``latest``. Raises `EntityNotFound`."""
        ...

    async def graph(self, workflow: EntityRef) -> WorkflowGraph:
        """Nodes and edges of a pinned workflow."""
        ...

    async def description(self, entity: EntityRef) -> str:
        """What the author of a pinned entity wrote about it; empty when this Flyte keeps nothing."""
        ...

    async def create(
        self,
        ref: RunRef,
        interface: Interface,
        inputs: Any,
        options: RunOptions,
        *,
        fingerprint: str,
        launch_id: str,
        labelled: bool = True,
    ) -> None:
        """Creates the run. Raises `AlreadyExists` or `LimitExceeded` by meaning of the answer.

        ``labelled=False`` leaves out the labels and tags, and keeps fingerprint and launch id where they are no labels.
        """
        ...

    async def upload_location(
        self, project: str, domain: str, *, file_name: str, md5: bytes, root: str = ""
    ) -> SignedUpload:
        """A signed URL for one object of this content, and the URI under which it really lies.

        Raises:
            InvalidRequest: The server would put it under another name.
        """
        ...

    async def download_url(self, uri: str, *, spelled: bool = False) -> str:
        """A signed URL to read one object from. ``spelled``: the URI is the server's own spelling, not the object's name."""
        ...

    async def outputs(self, ref: RunRef) -> StoredLiterals:
        """Outputs of a run."""
        ...

    async def abort(self, ref: RunRef, reason: str) -> None:
        """Aborts the run. A finished one stays as it is; that is success."""
        ...

    async def relaunch(self, ref: RunRef, name: str, *, overwrite_cache: bool) -> None:
        """Makes a run with the same spec and inputs. Raises `AlreadyExists` when the name is taken."""
        ...

    async def recover(self, ref: RunRef, name: str) -> None:
        """Makes a run that takes over what succeeded in this one. Raises `AlreadyExists` when the name is taken."""
        ...

    async def archive(self, ref: RunRef, *, archived: bool) -> None:
        """Hides a run from lists, or shows it again."""
        ...

    async def whoami(self) -> str:
        """Who the server thinks we are."""
        ...

    async def call(self, method: str, request: Any, *, timeout: float | None = None) -> Any:
        """One RPC by its name. Raises `InvalidRequest` for one that this API has not, or a request of another kind."""
        ...

    def clear_cache(self) -> None:
        """Forgets cached interfaces."""
        ...

    @property
    def nodes(self) -> Nodes:
        """Nodes, attempts, decks, metrics, gates."""
        ...

    @property
    def lists(self) -> Lists:
        """Lists of runs and entities."""
        ...

    @property
    def projects(self) -> Projects:
        """Projects and domains."""
        ...

    @property
    def triggers(self) -> Triggers:
        """Triggers that the server itself fires."""
        ...

    @property
    def registry(self) -> Registry:
        """What is registered."""
        ...

    def check_options(self, options: RunOptions) -> None:
        """Raises `Unsupported` for an option this backend cannot honour, before anything is sent."""
        ...

    def check_labels(self, interface: Interface, options: RunOptions) -> None:
        """Raises `InvalidRequest` when a run would have more labels than this backend takes, ours included."""
        ...

    def console_url(self, ref: RunRef | EntityRef) -> str:
        """The page of a run or entity in Flyte's console."""
        ...
