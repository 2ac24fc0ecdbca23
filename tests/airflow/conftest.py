"""One sandbox, one Airflow home and one running Airflow for all tests of this folder."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import msgpack
import pytest
from airflow2 import LEFT_OUT, Airflow2Home, Airflow2Stack
from airflow_case import Case
from airflow_home import LINE, ROOT, AirflowHome
from airflow_stack import AirflowStack
from flyteidl.core import literals_pb2
from support.flyte import INTEGER, STRING, STRUCT, RawFlyte
from support.ports import free_ports
from support.postgres import postgresql

from bridge_core import Client, ContainerTask
from bridge_core.sandbox import Sandbox

# What Airflow's own JSON cannot carry: it comes out of Flyte and goes back.
_ODD = {1: math.nan, "deep": [{2: math.inf, "b": b"x"}], "flyte_map": 3, "flyte_bytes": {"flyte_float": "NaN"}}
UNTYPED = literals_pb2.Literal(
    scalar=literals_pb2.Scalar(binary=literals_pb2.Binary(value=msgpack.packb(_ODD), tag="msgpack"))
)
BROKEN = ContainerTask(
    name="tests.broken", image="busybox:1.36", command=("/bin/sh", "-c", "echo it broke >&2; exit 3")
)
SLOW = ContainerTask(name="tests.slow", image="busybox:1.36", command=("/bin/sh", "-c", "echo begins; sleep 120"))
DAGS = Path(__file__).parent / "dags"


def pytest_collection_modifyitems(items):
    """On Airflow 2, what it lacks is left out by name."""
    for item in items if LINE < (3,) else ():
        if why := LEFT_OUT.get(item.path.stem):
            item.add_marker(pytest.mark.skip(reason=f"Airflow 2: {why}"))


@pytest.fixture(scope="session")
def sandbox():
    with Sandbox(images={"busybox:*": []}) as running:
        flyte = RawFlyte(running.endpoint)
        flyte.register("workflows.extract", {"day": STRING, "limit": INTEGER})
        flyte.register("workflows.train", {"day": STRING, "epochs": INTEGER}, gate="approve")
        flyte.register("tests.held", {"n": INTEGER, "at": STRING}, gate="approve")
        flyte.register("tests.watched", {"n": INTEGER, "at": STRING}, gate="approve")
        flyte.register("tests.quick", {"n": INTEGER, "at": STRING})
        flyte.register("tests.untyped", {"s": STRUCT, "at": STRING}, defaults={"s": UNTYPED})
        for version in ("1.1", "1.10"):
            flyte.register("tests.released", {"n": INTEGER, "at": STRING}, version=version)
        with Client(running.config()) as client:
            client.register([BROKEN, SLOW], version="v1")
        yield running


@pytest.fixture(scope="session")
def untyped():
    """The literal that ``tests.untyped`` gives out by default."""
    return UNTYPED


@pytest.fixture(scope="session")
def flyte(sandbox):
    return RawFlyte(sandbox.endpoint)


@pytest.fixture(scope="session")
def home(sandbox, tmp_path_factory):
    root = tmp_path_factory.mktemp("airflow")
    port, worker, trigger = free_ports(3)
    ports = {"worker": worker, "trigger": trigger}
    with contextlib.ExitStack() as database:
        if LINE < (3,):
            url = database.enter_context(postgresql())
            made: AirflowHome = Airflow2Home(root, sandbox, dags=DAGS, port=port, ports=ports, url=url)
        else:
            made = AirflowHome(root, sandbox, dags=DAGS, port=port, ports=ports)
        made.migrate()
        yield made
        made.close()


@pytest.fixture(scope="session")
def examples():
    return ROOT / "examples"


@pytest.fixture(scope="session")
def airflow(home):
    """The whole of Airflow, running."""
    with (Airflow2Stack if LINE < (3,) else AirflowStack)(home) as stack:
        yield stack


@pytest.fixture
def start(airflow, sandbox, flyte):
    """Begins a DAG run of this DAG."""
    return lambda dag_id, **conf: Case(airflow, sandbox, flyte, dag_id, **conf)
