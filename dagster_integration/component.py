"""`FlyteProjectComponent`: the launch plans of a Flyte project as assets, declared in YAML.

What is registered is state: asked for when a code location is built or refreshed, kept by Dagster, and loaded without any network
by the processes of runs and steps. A Flyte that is away leaves the state of the last time in force.

No ``from __future__ import annotations`` here: Dagster resolves annotations at run time.
"""

import functools
import gc
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg
from dagster.components import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from dagster.components.resolved.core_models import OpSpec
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import BaseModel, Field

from bridge_core import BridgeError, Client

from ._catalog import fetch, read_state, write_state
from .assets import build_flyte_assets
from .io_manager import outputs_key, outputs_manager
from .resource import FlyteResource
from .run_config import FlyteRunConfig
from .specs import specs_of
from .translator import FlyteEntityProps, FlyteTranslator

__all__ = ["FlyteProjectComponent", "FlyteWorkspace"]

log = logging.getLogger("dagster_integration")
_PATIENCE = 30.0  # seconds for one question, while state is refreshed


class FlyteWorkspace(dg.Model, dg.Resolvable):
    """Which Flyte, in YAML: the fields of `FlyteResource`. Secrets are given by the name of an environment variable."""

    endpoint: str | None = Field(default=None, description="host:port of Flyte's gRPC endpoint.")
    insecure: bool | None = Field(default=None, description="True for a plaintext server; otherwise TLS is used.")
    ca_cert_file: str | None = Field(default=None, description="PEM file that replaces the system's root certificates.")
    project: str | None = Field(default=None, description="Flyte project.")
    domain: str | None = Field(default=None, description="Flyte domain.")
    console_endpoint: str | None = Field(default=None, description="Base URL of Flyte's web console.")
    config_file: str | None = Field(default=None, description="A Flyte configuration file.")
    auth_mode: str | None = Field(default=None, description="How to log in: ClientSecret, ExternalCommand, ….")
    client_id: str | None = Field(default=None, description="OAuth client.")
    client_secret_env: str | None = Field(
        default=None, description="Name of the environment variable that holds the client's secret; never the secret."
    )
    client_secret_location: str | None = Field(default=None, description="File that holds the client's secret.")
    command: list[str] | None = Field(default=None, description="Program whose output is the token.")
    dagster_url: str | None = Field(default=None, description="Base URL of Dagster's webserver, for links back.")

    def resource(self) -> FlyteResource:
        """The resource that these fields describe."""
        given: dict[str, Any] = {name: value for name, value in self.model_dump().items() if value is not None}
        if secret := given.pop("client_secret_env", None):
            given["client_secret"] = dg.EnvVar(secret)
        return FlyteResource(**given)


def _template_variables(props: FlyteEntityProps) -> Mapping[str, Any]:
    return {"props": props, "workflow": props}


class FlyteProjectScaffoldParams(BaseModel):
    """What ``dg scaffold defs`` asks for."""

    endpoint: str = "localhost:30080"
    project: str = "flytesnacks"
    domain: str = "development"


class FlyteProjectScaffolder(dg.Scaffolder[FlyteProjectScaffoldParams]):
    """Writes a ``defs.yaml`` to begin with."""

    @classmethod
    def get_scaffold_params(cls) -> type[FlyteProjectScaffoldParams]:
        """Its parameters."""
        return FlyteProjectScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[FlyteProjectScaffoldParams]) -> None:
        """Writes it."""
        given = request.params or FlyteProjectScaffoldParams()
        workspace = {"endpoint": given.endpoint, "project": given.project, "domain": given.domain}
        dg.scaffold_component(request, {"workspace": workspace, "selector": ["*"]})


@dg.scaffold_with(FlyteProjectScaffolder)
class FlyteProjectComponent(dg.StateBackedComponent, dg.Model, dg.Resolvable):
    """Launch plans (or workflows, or tasks) of a Flyte project as Dagster assets.

    ```yaml
    type: dagster_integration.FlyteProjectComponent
    attributes:
      workspace: { endpoint: "{{ env.FLYTE_ENDPOINT }}", project: ml, domain: production }
      selector: ["pkg.*", "!pkg.old*"]
      translation:
        key: "flyte/{{ workflow.name | replace('.', '/') }}"
        group_name: "{{ workflow.domain }}"
    ```

    Override `get_asset_spec` in a subclass for translations that YAML cannot say.
    """

    workspace: Annotated[FlyteWorkspace, dg.Resolver.default(description="Which Flyte.")]
    selector: list[str] | None = Field(
        default=None, description="Patterns of names; `!` leaves out. All, if not given."
    )
    kind: Literal["launch_plan", "workflow", "task"] = Field(default="launch_plan", description="What becomes assets.")
    split: Literal["run", "output", "node"] = Field(
        default="run", description="One asset per run, per output, or per node of the workflow."
    )
    inputs: dict[str, dict[str, Any]] | None = Field(
        default=None, description="Inputs of runs: name of the entity (or '*') -> input -> value."
    )
    partition_inputs: dict[str, str] | None = Field(
        default=None, description="Which inputs say which partitions a run makes: {'day': '{key}'}."
    )
    launchpad: bool = Field(default=False, description="Whether the launchpad shows a typed field for each input.")
    timeout: float | None = Field(default=None, description="Seconds before a step fails; its run goes on.")
    retry_on: list[str] | None = Field(
        default=None, description="Classes of errors after which a retry launches again."
    )
    on_reexecute: Literal["fresh", "relaunch", "recover"] = Field(
        default="fresh", description="What is done after a run that ended badly."
    )
    max_retries: int | None = Field(default=None, description="A retry policy with so many retries.")
    resource_key: str = Field(default="flyte", description="Of the resource; one for each Flyte of a code location.")
    op: OpSpec | None = Field(default=None, description="Name, tags, pool, backfill policy of the steps.")
    translation: (
        Annotated[
            TranslationFn[FlyteEntityProps],
            TranslationFnResolver[FlyteEntityProps](template_vars_for_translation_fn=_template_variables),
        ]
        | None
    ) = Field(default=None, description="What an entity becomes: key, group, tags, …, by templates of `workflow`.")
    defs_state: ResolvedDefsStateConfig = Field(default_factory=DefsStateConfigArgs.local_filesystem)

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where what is registered is kept."""
        place = "/".join(
            part or "-" for part in (self.workspace.endpoint, self.workspace.project, self.workspace.domain)
        )
        return DefsStateConfig.from_args(self.defs_state, default_key=f"FlyteProjectComponent[{place}/{self.kind}]")

    @functools.cached_property
    def _translator(self) -> FlyteTranslator:
        return FlyteTranslator(metadata={"dagster/io_manager_key": outputs_key(self.resource_key)})

    def get_asset_spec(self, props: FlyteEntityProps) -> dg.AssetSpec:
        """What an entity (or its part) becomes."""
        spec = self._translator.get_asset_spec(props)
        return self.translation(spec, props) if self.translation is not None else spec

    def write_state_to_path(self, state_path: Path) -> None:
        """Asks Flyte. When it cannot be asked, what was kept stays.

        Raises:
            BridgeError: It cannot be asked, and nothing was kept.
        """
        config = self.workspace.resource().get_config()
        try:
            with Client(replace(config, rpc_timeout=min(config.rpc_timeout, _PATIENCE))) as client:
                write_state(state_path, fetch(client, self.kind, self.selector, None, None))
        except BridgeError as error:
            if not state_path.is_file():
                raise
            log.warning("Flyte cannot be asked for what is registered; the state of the last time stays: %s", error)

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:  # noqa: ARG002
        """Assets of what was kept; none when there is none yet."""
        found = read_state(state_path) if state_path is not None else []
        with _without_collection():
            assets = [self._assets(props, alone=len(found) == 1) for props in found]
        resources = {
            self.resource_key: self.workspace.resource(),
            outputs_key(self.resource_key): outputs_manager(self.resource_key),
        }
        return dg.Definitions(assets=assets, resources=resources)

    def _assets(self, props: FlyteEntityProps, *, alone: bool) -> dg.AssetsDefinition:
        specs = specs_of([props], _Translated(self.get_asset_spec), self.split)
        name = re.sub(r"\W", "_", props.name)
        op = self.op or OpSpec()
        more: dict[str, Any] = {
            "name": (op.name if alone else f"{op.name}__{name}") if op.name else name,
            "op_tags": op.tags,
            "description": op.description,
            "pool": op.pool,
            "backfill_policy": op.backfill_policy,
        }
        partitions = next((spec.partitions_def for spec in specs if spec.partitions_def is not None), None)
        if partitions is not None:
            more["partitions_def"] = partitions
        if self.max_retries is not None:
            more["retry_policy"] = dg.RetryPolicy(max_retries=self.max_retries, delay=10)
        given = {**(self.inputs or {}).get("*", {}), **(self.inputs or {}).get(props.name, {})}
        return build_flyte_assets(
            props.entity,
            specs=specs,
            inputs={key: value for key, value in given.items() if key in props.inputs},
            config=FlyteRunConfig.of(props, name=f"Inputs_{name}", optional=list(props.inputs))
            if self.launchpad and props.inputs
            else None,
            partition_inputs=self.partition_inputs if partitions is not None else None,
            resource_key=self.resource_key,
            io_manager_key=outputs_key(self.resource_key),  # once for all, and not one in each asset
            timeout=self.timeout,
            retry_on=self.retry_on,
            on_reexecute=self.on_reexecute,
            **{key: value for key, value in more.items() if value is not None},
        )


@contextmanager
def _without_collection() -> Iterator[None]:
    """Among thousands of definitions, all of which stay, looking for garbage takes a quarter of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Translated(FlyteTranslator):
    """The component's own way."""

    def __init__(self, spec_of: Callable[[FlyteEntityProps], dg.AssetSpec]) -> None:
        super().__init__()
        self._spec_of = spec_of

    def get_asset_spec(self, props: FlyteEntityProps) -> dg.AssetSpec:
        return self._spec_of(props)
