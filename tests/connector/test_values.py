"""What connectors are made of: metas, phases, the registry, names of jobs, templates."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from bridge_core import AlreadyExists, ContainerTask, InvalidRequest
from bridge_core.connector import (
    ConnectorNotFound,
    ConnectorRegistry,
    Resource,
    ResourceMeta,
    SyncConnector,
    TaskCategory,
    TaskExecutionMetadata,
    TaskPhase,
    create_once,
    create_once_blocking,
    job_key,
    load_connectors,
    render_task_template,
)
from bridge_core.connector.conversion import template_of
from bridge_core.connector.envelope import opened, sealed
from bridge_core.registration.native import task_spec

from .factory import Ask, Factory, Works


@dataclass(frozen=True)
class Inner:
    a: int


@dataclass(frozen=True)
class Rich(ResourceMeta):
    name: str
    inner: Inner
    tags: dict[str, str] = field(default_factory=dict)
    more: tuple[int, ...] = ()
    maybe: float | None = None


def test_metas_survive_encoding_and_upgrades():
    one = Rich("ü", Inner(1), {"a": "b"}, (1, 2), 0.5)
    assert Rich.decode(one.encode()) == one
    assert Rich.decode(b'{"name": "x", "inner": {"a": 1}, "added_later": 3}') == Rich("x", Inner(1))
    for wrong in (b"", b"[]", b"\xff", b'{"name": 1, "inner": {"a": 1}}', b'{"name": "x"}', b"[" * 100_000):
        with pytest.raises(InvalidRequest, match="resource meta"):
            Rich.decode(wrong)
    with pytest.raises(InvalidRequest, match="plain data"):
        Rich("x", Inner(1), {"a": {1}}).encode()


def test_phases():
    assert [phase.name for phase in TaskPhase if phase.is_terminal] == [
        "SUCCEEDED",
        "ABORTED",
        "FAILED",
        "RETRYABLE_FAILED",
    ]
    for word, phase in {
        "FAILED": "FAILED", "TIMEOUT": "FAILED", "TIMEDOUT": "FAILED", "CANCELED": "FAILED", "SKIPPED": "FAILED",
        "INTERNAL_ERROR": "RETRYABLE_FAILED", "DONE": "SUCCEEDED", "SUCCEEDED": "SUCCEEDED", "SUCCESS": "SUCCEEDED",
        "RUNNING": "RUNNING", "TERMINATING": "RUNNING", "PENDING": "INITIALIZING",
    }.items():  # fmt: skip
        assert TaskPhase.of(word).name == phase
    for wrong in ("INVALID_STATE", 99, None, True):
        with pytest.raises(InvalidRequest, match="phase of a job"):
            TaskPhase.of(wrong)


def test_resources_take_what_people_write():
    one = Resource(3, "m", [("a", "http://a")], {"o": 1}, {"x": 1})
    assert (one.phase, one.log_links[0].uri) == (TaskPhase.SUCCEEDED, "http://a")
    with pytest.raises(InvalidRequest, match="log_links"):
        Resource("done", log_links=["http://a"])


def test_the_registry():
    registry = ConnectorRegistry(Works(Factory()))
    assert registry.get_connector("work").name == "Works"
    assert registry.get_agent("work", 0).name == "Works"
    with pytest.raises(
        InvalidRequest, match=r"Duplicate connector for task type: work_v0\. 'Works' \(connector\.factory\.Works\)"
    ):
        registry.register(Works(Factory()))
    other = Works(Factory(), name="Other")
    registry.register(other, override=True)
    assert registry.get_connector("work") is other
    assert [one.name for one in registry.list_connectors()] == ["Other"]  # the replaced one is gone from the list
    with pytest.raises(ConnectorNotFound, match=r"nothing_v3\. This service runs: work_v0"):
        registry.get_connector("nothing", 3)
    with pytest.raises(ConnectorNotFound, match="for name: x"):
        registry.get_connector_metadata("x")
    with pytest.raises(InvalidRequest, match=r"write register\(MyConnector\(\)\)"):
        registry.register(Works)
    with pytest.raises(InvalidRequest, match="has the name of 'Other'"):
        registry.register(Ask(name="Other"))
    assert registry.get_connector_metadata("Other").supported_task_categories == (TaskCategory("work"),)


def test_the_registry_of_the_process():
    connector = Works(Factory(), task_type_name="of_the_process")
    ConnectorRegistry.register(connector)
    try:
        assert ConnectorRegistry.get_connector("of_the_process") is connector
        assert ConnectorRegistry.default().get_connector("of_the_process") is connector
        with pytest.raises(ConnectorNotFound):
            ConnectorRegistry().get_connector("of_the_process")
    finally:
        ConnectorRegistry.default()._connectors.clear()


def test_connectors_that_cannot_be():
    class Nameless(SyncConnector):
        def do(self, task_template, output_prefix, inputs):
            return Resource("done")

    with pytest.raises(InvalidRequest, match="names no task type"):
        ConnectorRegistry(Nameless())
    with pytest.raises(InvalidRequest, match="version must be a whole number"):
        ConnectorRegistry(Nameless(task_type_name="x", task_type_version=-1))
    with pytest.raises(InvalidRequest, match="metadata_type must be the class"):
        Works(Factory(), metadata_type=dict)


def test_names_of_jobs():
    one = TaskExecutionMetadata.of("p", "d", "Run_1" * 20, node_id="n0/dn1")
    assert len(job_key(one)) <= 63
    assert set(job_key(one)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    keys = {
        job_key(TaskExecutionMetadata.of(p, d, n, node_id=node, retry_attempt=attempt))
        for p in ("p", "q") for d in ("d", "e") for n in ("n", "m") for node in ("a", "b") for attempt in (0, 1)
    }  # fmt: skip
    assert len(keys) == 32
    with pytest.raises(InvalidRequest, match="no execution id"):
        job_key(TaskExecutionMetadata())


def test_create_once_finds_what_another_made_at_the_same_moment():
    jobs: dict[str, str] = {}

    def create(key):
        jobs[key] = "theirs"
        raise AlreadyExists("theirs was quicker")

    arguments = {"find": jobs.get, "create": create, "is_live": lambda _: True}
    whose = TaskExecutionMetadata.of("p", "d", "n", retry_attempt=2)
    assert asyncio.run(create_once(whose, **arguments)) == "theirs"
    assert create_once_blocking(whose, **arguments) == "theirs"


def test_rendered_templates():
    args = ("--in", "{{.input}}", "{{.outputPrefix}}", "{{.rawOutputDataPrefix}}", "{{.checkpointOutputPrefix}}",
            "{{.prevCheckpointPrefix}}", "{{ .dest_dir }}")  # fmt: skip
    template = template_of(task_spec(ContainerTask(name="a.b", image="i", arguments=args)).template)
    rendered = render_task_template(template, "s3://becket")
    assert rendered.container.args == (
        "--in", "s3://becket/inputs.pb", "s3://becket", "s3://becket/raw_output", "s3://becket/checkpoint_output",
        "s3://becket/prev_checkpoint", "{{ .dest_dir }}",
    )  # fmt: skip
    assert list(rendered.message.container.args) == list(rendered.container.args)
    assert template.container.args == args


def test_output_types_travel_with_any_meta():
    outputs = dict(template_of(task_spec(ContainerTask(name="a.b", image="i", outputs={"x": float})).template).outputs)
    for meta in (b"{}", b'{"a": 1}', b'{"a": "}"}', b"\x00binary}", b"{no json}", b"", b'"'):
        back, types = opened(sealed(meta, outputs))
        assert (back, types) == (meta, outputs)
        assert opened(meta) == (meta, {})
        assert sealed(meta, {}) == meta
    with pytest.raises(InvalidRequest, match="damaged"):
        opened(b'{"a": 1, "_outputs": "AAAA"}')


def test_modules_register_or_list_their_connectors(tmp_path, monkeypatch):
    (tmp_path / "their_connectors.py").write_text(
        "from connector.factory import Ask\nCONNECTORS = [Ask(task_type_name='theirs')]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = load_connectors(["their_connectors"], installed=False, registry=ConnectorRegistry())
    # flytekit's own sensor is there, too, when another test of this process has imported flytekit
    assert [str(category) for category in registry.connectors if str(category) != "sensor_v0"] == ["theirs_v0"]
    assert load_connectors(["their_connectors"], installed=False, registry=registry).connectors == registry.connectors
