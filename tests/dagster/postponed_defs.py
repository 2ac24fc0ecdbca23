"""A user's module with postponed annotations: Dagster sees texts instead of types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets

if TYPE_CHECKING:
    from decimal import Decimal


class Size(dg.Config):
    n: int = 5


class Greeter(dg.ConfigurableResource):  # type: ignore[type-arg]
    who: str


@dg.asset
def upstream() -> int:
    return 20


@dg.asset
def unseen() -> int:
    return 1


def definitions(entity: str) -> list[dg.AssetsDefinition]:
    @flyte_assets(entity, resource_key="upstream")
    def model(  # noqa: PLR0917
        context: dg.AssetExecutionContext,
        upstream: int,
        unseen: Decimal,
        config: Size,
        greeter: Greeter,
        extra: dg.ResourceParam[int],
    ) -> dict[str, Any]:
        assert isinstance(context, dg.AssetExecutionContext)
        return {"n": upstream + int(unseen) + config.n + extra, "who": greeter.who}

    @flyte_assets(entity, resource_key="upstream", required_resource_keys={"extra"})
    def keyed(context: dg.AssetExecutionContext, flyte: FlyteResource) -> dict[str, Any]:
        return {"n": context.resources.extra, "who": flyte.project or ""}

    built = build_flyte_assets(entity, name="built", resource_key="upstream", inputs={"n": 1, "who": "you"})
    return [upstream, unseen, model, keyed, built]
