"""Waiting for things that happen elsewhere, and Dagster in processes of its own that a test may kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
import psutil
from support.ports import free_ports

if TYPE_CHECKING:
    from support.flyte import RawFlyte

    from bridge_core.sandbox import Sandbox

T = TypeVar("T")
HERE = Path(__file__).parent

SETTINGS = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""

CANARIES = {
    "CANARY_CLIENT": "canary-client-5c1e",
    "CANARY_KEY": "canary-key-5c1e",
    "CANARY_TOKEN": "canary-token-5c1e",
    "CANARY_HEADER": "Bearer canary-header-5c1e",
    "CANARY_COMMAND": "canary-command-5c1e",
    "CANARY_PROXY_COMMAND": "canary-proxy-command-5c1e",
    "CANARY_PROXY": "http://user:canary-proxy-5c1e@127.0.0.1:9",
}
"""Environment of the running Dagster: secrets that must appear nowhere."""

ON_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
"""


def until(what: Callable[[], T], *, seconds: float = 60.0, label: str = "") -> T:
    """The first true result."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := what():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {label or what}")


@contextlib.contextmanager
def loading(context: Any) -> Iterator[Any]:
    """As if Dagster loaded definitions in this context (``DefinitionsLoadContext.scoped``, which only 1.13 has)."""
    kind = type(context)
    before, kind._instance = kind._instance, context
    try:
        yield context
    finally:
        kind._instance = before


def runs_of(raw: RawFlyte, entity: str) -> list[Any]:
    """Flyte runs of one workflow, newest first."""
    found = [item for item in raw.executions() if item.spec.launch_plan.name == entity]
    return sorted(found, key=lambda item: item.closure.created_at.ToNanoseconds(), reverse=True)


def waits(sandbox: Sandbox, run: str) -> None:
    """Returns when somebody is polling: GetExecution of this run arrives again and again."""

    def asked() -> int:
        return sum(call.request.id.name == run for call in sandbox.calls.of("GetExecution"))

    before = asked()
    until(lambda: asked() >= before + 3, label="somebody waits for the run")


@contextlib.contextmanager
def meanwhile(action: Callable[[], object]) -> Iterator[None]:
    """Runs the action in a thread; its error fails the test."""
    errors: list[BaseException] = []

    def body() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # raised again in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
    if errors:
        raise errors[0]


class Home:
    """A DAGSTER_HOME, and the environment of processes that use it."""

    def __init__(self, folder: Path, endpoint: str, entity: str, *, settings: str = "", **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dagster.yaml").write_text(SETTINGS + settings)
        self.folder = folder
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("FLYTE", "DAGSTER", "UCTL")) and key != "PYTHONDONTWRITEBYTECODE"
        }
        self.environment = {
            **kept,
            "DAGSTER_HOME": str(folder),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(HERE),
            "TEST_FLYTE_ENDPOINT": endpoint,
            "TEST_FLYTE_ENTITY": entity,
            **environment,
        }

    @contextlib.contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.folder)) as instance:
            yield instance

    @contextlib.contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """``python -m …`` in a process group of its own, ended with everything it started."""
        with (self.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=self.environment,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            stop(process)

    @contextlib.contextmanager
    def terminal(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[str], object]]]:
        """The same on a terminal of its own, with a keyboard."""
        keyboard, screen = os.openpty()

        with (self.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", ON_A_TERMINAL, *arguments],
                env=self.environment,
                cwd=self.folder,
                stdin=screen,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(screen)
        try:
            yield process, lambda keys: os.write(keyboard, keys.encode())
        finally:
            stop(process)
            os.close(keyboard)

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGINT to the group, as a terminal would; SIGKILL for whatever does not listen."""
    everyone = children(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for one in everyone:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait()


def children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@contextlib.contextmanager
def served(home: Home, *, daemon: bool = False, modules: Sequence[str] = ("flyte_defs",)) -> Iterator[Webserver]:
    """Dagster's webserver with its code server and run launcher, and its daemon if wanted, on a free port."""
    (port,) = free_ports(1)
    webserver = Webserver(port)
    with contextlib.ExitStack() as stack:
        named = [word for module in modules for word in ("-m", module)]
        command = ("dagster_webserver", *named, "-h", "127.0.0.1", "-p", str(port))
        process = stack.enter_context(home.process(*command))
        until(lambda: process.poll() is not None or webserver.ready(), seconds=90, label="the webserver is ready")
        assert process.poll() is None, home.output()
        if daemon:  # only now: two processes that find no storage both make it, and one of them fails
            runs = Daemon(home, modules)
            stack.callback(runs.stop)
            runs.start()
        yield webserver


class Daemon:
    """Dagster's daemon of a home, which a test may kill."""

    def __init__(self, home: Home, modules: Sequence[str] = ("flyte_defs",)) -> None:
        self._home, self._modules = home, modules
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ("dagster._daemon", "run", *(word for module in self._modules for word in ("-m", module)))
        self._process = self._stack.enter_context(self._home.process(*command))

    def kill(self) -> None:
        """The daemon alone: the runs that it launched go on, as they do where it is a pod of its own."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._stack.close()


class Webserver:
    """Dagster's own API, as its UI uses it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._url = f"{self.url}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def ready(self) -> bool:
        try:
            found = self.ask("{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } } }")
        except (urllib.error.URLError, ConnectionError):
            return False
        return bool(found["repositoriesOrError"].get("nodes"))

    def launch(self, job: str, *, config: dict[str, Any] | None = None, tags: dict[str, str] | None = None) -> str:
        query = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        selector = {"repositoryLocationName": "flyte_defs", "repositoryName": "__repository__", "jobName": job}
        given = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        wanted = {"selector": selector, "runConfigData": config or {}, "mode": "default"}
        found = self.ask(query, p={**wanted, "executionMetadata": {"tags": given}})
        return str(found["launchRun"]["run"]["runId"])

    def reexecute_edited(self, run_id: str, job: str, config: dict[str, Any]) -> str:
        """What the launchpad does with "Re-execute" after a person changed the configuration there."""
        query = """mutation($p: ExecutionParams!) { launchRunReexecution(executionParams: $p) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        selector = {"repositoryLocationName": "flyte_defs", "repositoryName": "__repository__", "jobName": job}
        metadata = {"tags": [], "rootRunId": run_id, "parentRunId": run_id}
        wanted = {"selector": selector, "runConfigData": config, "mode": "default", "executionMetadata": metadata}
        found = self.ask(query, p=wanted)
        return str(found["launchRunReexecution"]["run"]["runId"])

    def runs(self) -> list[Any]:
        """All runs, newest first."""
        query = "{ runsOrError { ... on Runs { results { runId parentRunId rootRunId status } } } }"
        return list(self.ask(query)["runsOrError"]["results"])

    def log(self, run_id: str) -> list[str]:
        """All messages of a run's log."""
        query = """query($r: ID!) { logsForRun(runId: $r, limit: 1000) { ... on EventConnection { events {
            ... on MessageEvent { message } } } } }"""
        events = self.ask(query, r=run_id)["logsForRun"]["events"]
        return [event["message"] for event in events if event.get("message")]

    def backfill(self, asset: str, partitions: Sequence[str]) -> str:
        query = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
        found = self.ask(query, p={"assetSelection": [{"path": [asset]}], "partitionNames": list(partitions)})
        return str(found["launchPartitionBackfill"]["backfillId"])

    def backfilled(self, backfill_id: str, *, seconds: float) -> str:
        """How it ended."""
        query = (
            "query($b: String!) { partitionBackfillOrError(backfillId: $b) { ... on PartitionBackfill { status } } }"
        )

        def status() -> str | None:
            found = str(self.ask(query, b=backfill_id)["partitionBackfillOrError"]["status"])
            return None if found in ("REQUESTED", "CANCELING", "FAILING") else found

        return until(status, seconds=seconds, label=f"backfill {backfill_id} ends")  # type: ignore[return-value]

    def materialized(self, asset: str) -> list[str]:
        """Partitions of all materializations of an asset."""
        query = """query($k: AssetKeyInput!) { assetOrError(assetKey: $k) { ... on Asset {
            assetMaterializations(limit: 5000) { partition } } } }"""
        found = self.ask(query, k={"path": [asset]})["assetOrError"]
        return [event["partition"] for event in found.get("assetMaterializations", ())]

    def reexecute(self, run_id: str) -> str:
        query = """mutation($p: ReexecutionParams) { launchRunReexecution(reexecutionParams: $p) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        found = self.ask(query, p={"parentRunId": run_id, "strategy": "FROM_FAILURE"})
        return str(found["launchRunReexecution"]["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        query = """mutation($r: String!) { terminateRun(runId: $r, terminatePolicy: SAFE_TERMINATE) {
            __typename ... on TerminateRunFailure { message } } }"""
        found = self.ask(query, r=run_id)
        assert found["terminateRun"]["__typename"] == "TerminateRunSuccess", found

    def run(self, run_id: str) -> Any:
        query = """query($r: ID!) { runOrError(runId: $r) { ... on Run { status tags { key value }
            assetMaterializations { metadataEntries { label ... on IntMetadataEntry { intValue }
            ... on TextMetadataEntry { text } } } } } }"""
        return self.ask(query, r=run_id)["runOrError"]

    def finished(self, run_id: str, *, seconds: float = 60.0) -> Any:
        ends = ("SUCCESS", "FAILURE", "CANCELED")
        return until(
            lambda: found if (found := self.run(run_id))["status"] in ends else None,
            seconds=seconds,
            label=f"run {run_id} ends",
        )

    def worker(self, run_id: str) -> int:
        """Process id of the run worker."""
        query = """query($r: ID!) { logsForRun(runId: $r) { ... on EventConnection { events {
            ... on MessageEvent { message } } } } }"""
        events = self.ask(query, r=run_id)["logsForRun"]["events"]
        begin = "Started process for run (pid: "
        (text,) = [event["message"] for event in events if event.get("message", "").startswith(begin)]
        return int(text.removeprefix(begin).split(")")[0])
