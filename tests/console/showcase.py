"""A sandbox with something on every page: made from protos, so that it is there in two seconds."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from typing import Any

import msgpack
from flyteidl.core import literals_pb2, types_pb2
from flyteidl.service import dataproxy_pb2
from sandbox.protos import (
    INTEGER,
    PHASE,
    STRING,
    D,
    P,
    add_node,
    add_output,
    echo_task,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    plan_id,
    shell_task,
)

HOSTILE = "<img src=x onerror=alert(1)>\"'&</pre></script><script>alert(2)</script>"
BLOB = types_pb2.LiteralType(blob=types_pb2.BlobType(format="csv"))
FOLDER = types_pb2.LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))
STRUCT = types_pb2.LiteralType(simple=types_pb2.STRUCT)
LOG = "first line\\nsecond <b>line</b> \\303\\274\\n"


@dataclass
class Showcase:
    """Identifiers of what was made."""

    done: Any
    failed: Any
    held: Any
    talking: Any
    hostile: Any
    typed: Any
    nested: Any
    plan: Any


def build(wire) -> Showcase:
    return Showcase(
        done=_done(wire),
        failed=_failed(wire),
        held=_held(wire),
        talking=_talking(wire),
        hostile=_hostile(wire),
        typed=_typed(wire),
        nested=_nested(wire),
        plan=_scheduled(wire),
    )


def url(identifier, suffix=""):
    return f"/console/projects/{identifier.project}/domains/{identifier.domain}/executions/{identifier.name}{suffix}"


def _done(wire):
    """Fetch, four in parallel, one that waits for all, and a deck."""
    number = {"n": INTEGER}
    fetch = echo_task("etl.tasks.fetch", number, {"o0": INTEGER})
    clean = shell_task("etl.tasks.clean_and_validate_everything", "sleep 0.2; echo cleaned", number)
    report = shell_task(
        "etl.tasks.report",
        "echo '<h1>Deck</h1><p>42 rows</p><script>document.title=1</script>' > {{.outputPrefix}}/deck.html; echo done",
        number,
    )
    template = new_workflow("etl.pipeline", number, {"o0": INTEGER})
    add_node(template, "n0", fetch, n=("", "n"))
    for at in range(1, 5):
        add_node(template, f"n{at}", clean, n=("n0", "o0"))
    add_node(template, "n5", report, after=["n1", "n2", "n3", "n4"], n=("n0", "o0"))
    add_output(template, "o0", "n0", "o0")
    target = wire.register(template, tasks=[fetch, clean, report])
    run = wire.launch(target, "nightly-2026-11-21", literals(n=7))
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    return run


def _failed(wire):
    task = shell_task(
        "train.fit", f"printf '{LOG}'; echo 'ValueError: negative learning rate' >&2; exit 3", {"n": INTEGER}
    )
    template = new_workflow("train.pipeline", {"n": INTEGER})
    add_node(template, "fit", task, n=("", "n"))
    target = wire.register(template, tasks=[task])
    run = wire.launch(target, "training-17", literals(n=1))
    assert wire.wait(run).closure.phase == PHASE.FAILED
    return run


def _held(wire):
    run = wire.launch(gate_workflow(wire, "release.approve"), "release-3", literals(n=2))
    wire.wait(run, phases={PHASE.RUNNING})
    return run


def _talking(wire):
    """Runs until it is aborted, a line every tenth of a second."""
    task = shell_task("live.talk", "i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.1; done")
    wire.register_task(task)
    run = wire.launch(task.id, "talking")
    wire.wait(run, phases={PHASE.RUNNING})
    return run


def _hostile(wire):
    """Names and values that want to be markup."""
    name = f"x{HOSTILE}"
    task = echo_task(name, {"v": STRING}, {"o0": STRING})
    template = new_workflow(name, {"v": STRING}, {"o0": STRING})
    add_node(template, "n0", task, v=("", "v")).metadata.name = HOSTILE
    add_output(template, "o0", "n0", "o0")
    target = wire.register(template, tasks=[task])
    run = wire.launch(target, "hostile", literals(v=HOSTILE))
    wire.wait(run)
    broken = shell_task("hostile.fail", f"cat <<'END'\n{HOSTILE}\nEND\nexit 1")
    wire.register_task(broken)
    wire.wait(wire.launch(broken.id, "hostile-failed"))
    return run


def _typed(wire):
    types = {
        "number": INTEGER,
        "words": types_pb2.LiteralType(collection_type=STRING),
        "table": BLOB,
        "folder": FOLDER,
        "gone": FOLDER,
        "settings": STRUCT,
    }
    types["counts"] = types_pb2.LiteralType(map_value_type=INTEGER)
    types["note"] = STRING
    task = echo_task("typed.echo", types, types)
    template = new_workflow("typed.show", types, types)
    add_node(template, "n0", task, **{name: ("", name) for name in types})
    for name in types:
        add_output(template, name, "n0", name)
    values = literals(number=7, words=["one", "two"], counts={"a": 1, "b": 2}, note="line one\nline two")
    blob = literals_pb2.Blob(uri="s3://elsewhere/data.csv", metadata=literals_pb2.BlobMetadata(type=BLOB.blob))
    values.literals["table"].scalar.blob.CopyFrom(blob)
    for name, uri in (("folder", _uploaded(wire, "a.txt", "below/b.txt")), ("gone", "/nowhere/at/all")):
        values.literals[name].scalar.blob.CopyFrom(
            literals_pb2.Blob(uri=uri, metadata=literals_pb2.BlobMetadata(type=FOLDER.blob))
        )
    packed = msgpack.packb({"rate": 0.1, "layers": [64, 32], "name": "größer"})
    values.literals["settings"].scalar.binary.CopyFrom(literals_pb2.Binary(value=packed, tag="msgpack"))
    run = wire.launch(wire.register(template, tasks=[task]), "typed", values)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    return run


def _uploaded(wire, *names):
    """A directory of these files in the storage of the sandbox."""
    for name in names:
        request = dataproxy_pb2.CreateUploadLocationRequest(project=P, domain=D, filename_root="folder", filename=name)
        place = wire.data.CreateUploadLocation(request)
        put = urllib.request.Request(place.signed_url, name.encode(), method="PUT")
        assert urllib.request.urlopen(put).status == 200
    return place.native_url.removesuffix(f"/{names[-1]}")


def _nested(wire):
    """Workflows in workflows, so deep that ids are hashed; the innermost maps, under a name as flytekit makes it."""
    number = {"n": INTEGER}
    mapped = echo_task(f"deep.map_square_{'0123abcd' * 4}-arraynode", number, {"o0": INTEGER})
    inner = new_workflow("deep.inner", number)
    add_node(inner, "n0", mapped, n=("", "n")).metadata.name = f"map_square_{'0123abcd' * 4}-arraynode"
    middle = new_workflow("deep.middle", number)
    add_node(middle, "a-long-name-n0", inner.id, n=("", "n")).metadata.name = "inside of it"
    outer = new_workflow("deep.outer", number)
    add_node(outer, "n0", middle.id, n=("", "n")).metadata.name = "one step"
    run = wire.launch(wire.register(outer, inner, middle, tasks=[mapped]), "nested", literals(n=1))
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    return run


def _scheduled(wire):
    from flyteidl.admin import launch_plan_pb2 as plans

    spec = plans.LaunchPlanSpec()
    spec.entity_metadata.schedule.cron_schedule.schedule = "0 6 * * *"
    spec.fixed_inputs.literals["n"].CopyFrom(literal(3))
    spec.workflow_id.CopyFrom(_workflow_of(wire))
    target = wire.register_plan("etl.every_morning", spec)
    wire.admin.UpdateLaunchPlan(plans.LaunchPlanUpdateRequest(id=target, state=plans.ACTIVE))
    return target


def _workflow_of(wire):
    from flyteidl.admin import common_pb2

    plan = wire.admin.GetLaunchPlan(common_pb2.ObjectGetRequest(id=plan_id("etl.pipeline")))
    return plan.spec.workflow_id


__all__ = ["HOSTILE", "D", "P", "Showcase", "build", "url"]
