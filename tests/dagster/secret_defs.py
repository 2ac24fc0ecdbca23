"""Assets whose Flytes are logged in to in every way that has a secret; most cannot log in, and say so. Part of `flyte_defs`."""

import os
import sys
from pathlib import Path

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

PLACE = {"insecure": True, "project": "flytesnacks", "domain": "development", "rpc_timeout": 5.0}
AUTH = {**PLACE, "endpoint": dg.EnvVar("TEST_AUTH_ENDPOINT")}
FILES = Path(os.environ.get("TEST_SECRET_FILES", "/nowhere"))
PRINTS = "import sys; print(sys.argv[1])"

FLYTES = {
    "flyte_client": FlyteResource(
        **AUTH, client_id="flyte-sandbox", client_secret=dg.EnvVar("CANARY_CLIENT"), metadata={"x-key": dg.EnvVar("CANARY_KEY")}
    ),
    "flyte_token": FlyteResource(**AUTH, token=dg.EnvVar("CANARY_TOKEN")),
    "flyte_header": FlyteResource(**AUTH, metadata={"authorization": dg.EnvVar("CANARY_HEADER")}),
    "flyte_command": FlyteResource(**AUTH, command=[sys.executable, "-c", PRINTS, dg.EnvVar("CANARY_COMMAND")]),
    "flyte_fails": FlyteResource(**AUTH, command=[sys.executable, "-c", "1/0", dg.EnvVar("CANARY_COMMAND")]),
    "flyte_proxy_command": FlyteResource(
        **AUTH, client_id="nobody", client_secret=dg.EnvVar("CANARY_TOKEN"),
        proxy_command=[sys.executable, "-c", PRINTS, dg.EnvVar("CANARY_PROXY_COMMAND")],
    ),
    "flyte_proxy": FlyteResource(
        **AUTH, client_id="flyte-sandbox", client_secret=dg.EnvVar("CANARY_CLIENT"), http_proxy_url=dg.EnvVar("CANARY_PROXY")
    ),
    "flyte_file": FlyteResource(**AUTH, client_id="nobody", client_secret_location=str(FILES / "secret")),
    "flyte_token_file": FlyteResource(**AUTH, token_location=str(FILES / "token")),
    "flyte_assertion": FlyteResource(**AUTH, client_id="nobody", client_assertion_location=str(FILES / "assertion")),
}  # fmt: skip


def asset_of(key: str) -> dg.AssetsDefinition:
    name = f"secret_{key}"
    return build_flyte_assets(
        "canaries.wf", name=name, inputs={"n": 7}, resource_key=key, poll_interval=0.2, timeout=10
    )


@dg.asset
def marked(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """What is looked for is found, where it is: else nobody would know that there is nothing."""
    context.log.info("marker-in-the-log")
    print("marker-on-stdout")
    return dg.MaterializeResult(metadata={"mark": "marker-in-metadata"})


secret_assets = [marked, *map(asset_of, FLYTES)]
secret_job = dg.define_asset_job("secrets", secret_assets, executor_def=dg.in_process_executor)
