"""What Airflow is told about this provider. Import-free: Airflow reads it in every component, long before any task runs."""

from __future__ import annotations

from typing import Any

from ._connection.form import CONNECTION_FIELDS, FIELD_BEHAVIOUR

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, as `provider_info.schema.json` of Airflow wants it."""
    return {
        "package-name": "flyte-bridge",
        "name": "Flyte",
        "description": "Run `Flyte <https://flyte.org/>`__ workflows, tasks and launch plans from Airflow.",
        "integrations": [
            {
                "integration-name": "Flyte",
                "external-doc-url": "https://www.union.ai/docs/v1/flyte/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": "Flyte", "python-modules": ["airflow_provider.hooks.flyte"]}],
        "operators": [{"integration-name": "Flyte", "python-modules": ["airflow_provider.operators.flyte"]}],
        "triggers": [{"integration-name": "Flyte", "python-modules": ["airflow_provider.triggers.flyte"]}],
        "sensors": [{"integration-name": "Flyte", "python-modules": ["airflow_provider.sensors.flyte"]}],
        "task-decorators": [{"name": "flyte", "class-name": "airflow_provider.decorators.flyte.flyte_task"}],
        "notifications": ["airflow_provider.notifications.flyte.FlyteRunsNotifier"],
        "asset-uris": [{"schemes": ["flyte"], "handler": "airflow_provider.assets.sanitize_uri"}],
        "extra-links": ["airflow_provider.links.FlyteConsoleLink", "airflow_provider.links.FlyteLogLink"],
        "connection-types": [
            {
                "connection-type": "flyte",
                "hook-class-name": "airflow_provider.hooks.flyte.FlyteHook",
                "hook-name": "Flyte",
                "ui-field-behaviour": FIELD_BEHAVIOUR,
                "conn-fields": CONNECTION_FIELDS,
            }
        ],
        "config": {
            "flyte": {
                "description": "Defaults of the Flyte operators.",
                "options": {
                    "instance_id": {
                        "description": "Which Airflow this is, for telling its runs in Flyte from those of others. Empty: the "
                        "Variable flyte_bridge_instance_id, which is made on first use.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "production",
                        "default": None,
                    },
                    "outputs_limit": {
                        "description": "Bytes above which an output of a run stays in Flyte; its XCom is a reference, which a "
                        "FlyteRunOperator takes as an input.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "65536",
                        "default": "1048576",
                    },
                    "sweep": {
                        "description": "Where a triggerer looks for runs that no task waits for any more, besides the project "
                        "and domain of each Flyte connection: connection ids or connection=project/domain, separated by commas.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "flyte_default=ml/production, other_flyte",
                        "default": None,
                    },
                    "sweep_interval": {
                        "description": "Seconds between two such looks. 0: none.",
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "120",
                        "default": "60.0",
                    },
                    "sweep_pause": {
                        "description": "Seconds between the first look that finds a run unattended and the one that aborts it.",
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "300",
                        "default": "60.0",
                    },
                    "sync_grace": {
                        "description": "Seconds that a deferrable task waits on its worker before it defers. Runs that end "
                        "within them (cached ones, mostly) never defer. 0: defer at once.",
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "10",
                        "default": "3.0",
                    },
                    "first_event_floor": {
                        "description": "Seconds between deferring and the first event of a trigger. Airflow 3.3 fails tasks "
                        "whose trigger fires before the worker of the first leg is reaped. "
                        "Empty: 8, or [workers] min_heartbeat_interval + 3 when that is more.",
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "12",
                        "default": None,
                    },
                },
            }
        },
    }
