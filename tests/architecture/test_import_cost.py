"""Importing is free: no grpc, no protobuf, no thread, no environment, nothing opened. Measured in fresh interpreters."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("grpc", "google.protobuf", "flyteidl", "flyteidl2", "flytekit", "flyte", "fsspec", "asyncio", "tenacity", "croniter",
         "httpx", "pendulum", "yaml", "msgpack", "pandas", "pyarrow")  # fmt: skip

PROBE = """
import json, os, sys, threading
opened, environment = [], []
def audit(event, args):
    if event in ("socket.connect", "subprocess.Popen"):
        opened.append(str(args))
    elif event == "open" and isinstance(args[0], str):  # not the interpreter's own sources, and bytecode that it writes
        if not args[0].endswith((".py", ".pyc", ".so")) and "__pycache__" not in args[0]:
            opened.append(args[0])
sys.addaudithook(audit)
class Watched(type(os.environ)):
    pass
def spy(name):
    original = getattr(type(os.environ), name)
    def method(self, key, *rest):
        environment.append(key)
        return original(self, key, *rest)
    setattr(type(os.environ), name, method)
import importlib, enum, dataclasses, typing, difflib, logging, hashlib, secrets, base64
for name in ("__getitem__", "__contains__"):
    spy(name)
before = set(sys.modules); opened.clear(); environment.clear()
{statements}
print(json.dumps([sorted(set(sys.modules) - before), opened, environment, threading.active_count()]))
"""


def probe(statements: str) -> tuple[set[str], list[str], list[str], int]:
    run = subprocess.run(
        [sys.executable, "-c", PROBE.replace("{statements}", statements)], capture_output=True, text=True, check=True
    )
    modules, opened, environment, threads = json.loads(run.stdout)
    return set(modules), opened, environment, threads


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if any(name == item or name.startswith(item + ".") for item in HEAVY)}


VALUES = "import bridge_core\nfrom bridge_core import Config, EntityRef, LaunchRequest, RunRef"


@pytest.mark.parametrize(
    "statements",
    [
        VALUES,
        VALUES
        + "\nLaunchRequest(EntityRef.parse('launch_plan:a/b/c@1'), inputs={'n': 1}); Config.for_sandbox(); RunRef('a', 'b', 'c')",
        "import bridge_core.sandbox",
        "import bridge_core.testing",
        "from bridge_core.connector import AsyncConnector, ConnectorRegistry, Resource, ResourceMeta, SyncConnector, TaskPhase",
    ],
)
def test_importing_the_values_costs_nothing(statements: str) -> None:
    modules, opened, environment, threads = probe(statements)
    assert heavy(modules) == set()
    assert opened == []
    assert environment == []
    assert threads == 1


def test_a_client_opens_nothing_until_it_is_used() -> None:
    modules, opened, _, threads = probe(
        VALUES + "\nfrom bridge_core import Client\nClient(Config.for_endpoint('127.0.0.1:1', insecure=True))"
    )
    assert "flytekit" not in modules
    assert threads == 1
    assert not [name for name in opened if "127.0.0.1" in name]


def test_every_public_name_exists_and_the_list_is_sorted() -> None:
    import bridge_core

    assert bridge_core.__all__ == sorted(bridge_core.__all__)
    for name in bridge_core.__all__:
        assert getattr(bridge_core, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bridge_core.nonsense  # noqa: B018


def test_the_first_question_imports_what_it_needs_and_no_more() -> None:
    modules, _, _, _ = probe(
        "from bridge_core import BridgeError, Client, Config, RunRef\n"
        "with Client(Config.for_endpoint('127.0.0.1:9', insecure=True, rpc_retries=0, flyte_version=1)) as flyte:\n"
        "    try: flyte.describe(RunRef('p', 'd', 'n'))\n"
        "    except BridgeError: pass"
    )
    assert "flyteidl.admin.execution_pb2" in modules
    needless = {
        "bridge_core.auth.refusals", "bridge_core.auth.server", "bridge_core.http.clients", "bridge_core.backends.values",
        "bridge_core.literals", "bridge_core.model.requests",
        "bridge_core.waiting.watcher", "flyteidl.admin.launch_plan_pb2", "flyteidl.admin.node_execution_pb2",
        "flyteidl.admin.signal_pb2", "flyteidl.service.dataproxy_pb2", "flyteidl.service.identity_pb2", "httpx", "tenacity",
        "uuid",
    }  # fmt: skip
    assert modules & needless == set()


def test_finding_out_which_flyte_it_is_imports_neither_ones_messages() -> None:
    modules, _, _, _ = probe(
        "from bridge_core import BridgeError, Client, Config, RunRef\n"
        "with Client(Config.for_endpoint('127.0.0.1:9', insecure=True, rpc_retries=0)) as flyte:\n"
        "    try: flyte.describe(RunRef('p', 'd', 'n'))\n"
        "    except BridgeError: pass"
    )
    assert "bridge_core.backends.detect" in modules
    found = {
        name
        for name in modules
        if name.startswith(("flyteidl", "google.protobuf", "httpx", "bridge_core.backends.flyte"))
    }
    assert found == set()


def test_a_flyte2_imports_nothing_of_flyte1_and_no_grpc_stubs() -> None:
    modules, _, _, _ = probe(
        "from bridge_core import BridgeError, Client, Config, RunRef\n"
        "config = Config.for_endpoint('127.0.0.1:9', insecure=True, rpc_retries=0, flyte_version=2, transport='grpc')\n"
        "with Client(config) as flyte:\n"
        "    try: flyte.describe(RunRef('p', 'd', 'n'))\n"
        "    except BridgeError: pass"
    )
    assert "flyteidl2.workflow.run_service_pb2" in modules
    needless = {
        name
        for name in modules
        if name.startswith(("flyteidl.admin", "flyteidl.service", "protovalidate", "connectrpc"))
    }
    assert needless | {name for name in modules if name.endswith(("_pb2_grpc", "_connect"))} == set()


def test_connect_needs_neither_grpc_nor_httpx() -> None:
    modules, _, _, _ = probe(
        "for name in list(os.environ):\n"
        "    if name.lower().endswith('_proxy'): del os.environ[name]\n"
        "from bridge_core import BridgeError, Client, Config, LaunchRequest\n"
        "config = Config.for_endpoint('127.0.0.1:9', insecure=True, rpc_retries=0, transport='connect')\n"
        "with Client(config) as flyte:\n"
        "    try: flyte.launch(LaunchRequest('task:p/d/t', name='n'))\n"
        "    except BridgeError: pass"
    )
    assert "httpcore" in modules
    needless = {
        "grpc", "httpx", "tenacity", "urllib.request", "http.client", "http.cookiejar", "email.parser",
        "bridge_core.http.clients", "bridge_core.model.registration", "bridge_core.model.failure_text",
        "bridge_core.model.batches", "bridge_core._operations.uploads",
    }  # fmt: skip
    assert modules & needless == set()


def test_the_version_is_read_when_somebody_asks() -> None:
    from importlib.metadata import version

    import bridge_core

    modules, _, _, _ = probe("import bridge_core")
    assert "importlib.metadata" not in modules
    assert bridge_core.__version__ == version("flyte-bridge")


def test_inputs_without_a_struct_import_no_compiler_of_schemas() -> None:
    modules, _, _, _ = probe(
        "from bridge_core.literals import Codec, fingerprint\n"
        "from flyteidl.core import literals_pb2, types_pb2\n"
        "encoded = Codec.default().encode(3, types_pb2.LiteralType(simple=types_pb2.INTEGER))\n"
        "fingerprint(literals_pb2.LiteralMap(literals={'n': encoded.literal}))"
    )
    assert "bridge_core.literals.scalars" in modules
    needless = {"bridge_core.literals.json_schema", "bridge_core.literals.structs", "fractions", "decimal", "numpy"}
    assert modules & needless == set()
