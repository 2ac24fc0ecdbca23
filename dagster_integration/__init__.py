"""Flyte in Dagster: run Flyte workflows as assets, launched once whatever dies, with their outputs as metadata.

Import names from here; submodules are private. Everything is loaded on first use (PEP 562): loading definitions imports no
grpc, no protobuf and no Flyte SDK.

    import dagster as dg
    from dagster_integration import FlyteResource, build_flyte_assets

    defs = dg.Definitions(
        assets=[build_flyte_assets("pkg.train", name="model", inputs={"epochs": 3})],
        resources={"flyte": FlyteResource(endpoint="flyte.example.com:443", project="ml", domain="production")},
    )
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .assets import build_flyte_assets, flyte_assets
    from .component import FlyteProjectComponent
    from .executor import flyte_executor
    from .io_manager import FlyteIOManager
    from .multi_asset import FlyteRun, build_flyte_multi_asset
    from .ops import flyte_run_op
    from .pipes import FlytePipesClient
    from .register import flyte_register_op
    from .resource import FlyteResource
    from .run_config import FlyteRunConfig
    from .run_sensor import FlyteRunSeen, build_flyte_run_sensor
    from .schedules import build_flyte_schedule
    from .sensor import build_flyte_reaper_sensor
    from .specs import load_flyte_asset_specs
    from .translator import FlyteEntityProps, FlyteTranslator

__all__ = [
    "FlyteEntityProps",
    "FlyteIOManager",
    "FlytePipesClient",
    "FlyteProjectComponent",
    "FlyteResource",
    "FlyteRun",
    "FlyteRunConfig",
    "FlyteRunSeen",
    "FlyteTranslator",
    "build_flyte_assets",
    "build_flyte_multi_asset",
    "build_flyte_reaper_sensor",
    "build_flyte_run_sensor",
    "build_flyte_schedule",
    "flyte_assets",
    "flyte_executor",
    "flyte_register_op",
    "flyte_run_op",
    "load_flyte_asset_specs",
]

_HOME = {
    "FlyteEntityProps": "translator",
    "FlyteIOManager": "io_manager",
    "FlytePipesClient": "pipes",
    "FlyteProjectComponent": "component",
    "FlyteRun": "multi_asset",
    "FlyteRunConfig": "run_config",
    "build_flyte_multi_asset": "multi_asset",
    "FlyteRunSeen": "run_sensor",
    "build_flyte_run_sensor": "run_sensor",
    "FlyteTranslator": "translator",
    "flyte_register_op": "register",
    "flyte_run_op": "ops",
    "load_flyte_asset_specs": "specs",
    "FlyteResource": "resource",
    "build_flyte_assets": "assets",
    "build_flyte_reaper_sensor": "sensor",
    "build_flyte_schedule": "schedules",
    "flyte_assets": "assets",
    "flyte_executor": "executor",
}

_NEEDS = {"FlyteProjectComponent": ("StateBackedComponent", "1.12")}
"""What of Dagster's they need, and which line has it first."""


def __getattr__(name: str) -> object:
    """Imports a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _NEEDS:
        from ._compat import needs

        needs(name, *_NEEDS[name])
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, imported or not; those that this Dagster has: ``dg`` loads every one that it finds here."""
    dagster = sys.modules.get("dagster")
    lacking = [name for name, (theirs, _) in _NEEDS.items() if dagster is not None and not hasattr(dagster, theirs)]
    return [name for name in __all__ if name not in lacking]
