"""Inputs and outputs of raw containers as files: what flyte copilot does beside them on a cluster.

After flytecopilot ``data/download.go`` and ``data/upload.go``: each input becomes a file, or a directory for a collection or a
map; after the command each declared output is read back, simple ones from at most 1,024 bytes of text.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml
from flyteidl.core import literals_pb2, tasks_pb2, types_pb2
from google.protobuf import json_format, struct_pb2

from bridge_core.model.durations import parse_go_duration

from ..model.go_duration import go_duration
from ..model.ids import enum_name
from ..model.literals import loaded, unwrapped
from ..model.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..model.layout import Layout
    from .command import Command

__all__ = ["OUTPUTS", "download", "prepare", "upload"]

OUTPUTS = "flyte-outputs"
"""Below the working directory of an attempt."""
_INPUTS = "flyte-inputs"

_SIMPLE_LIMIT = 1024
_ERROR_LIMIT = 1 << 20


def prepare(
    command: Command, argv: list[str], work: Path, inputs: Any, local: Callable[[str], Path]
) -> tuple[list[str], dict[str, str]]:
    """Writes the inputs of a raw container, and names the real directories instead of those of its image.

    Args:
        command: Says where the image has them.
        argv: Its command line, filled in.
        work: Where the real ones are made.
        inputs: ``LiteralMap``.
        local: File of a URI.

    Returns:
        Command line and environment of the process.
    """
    data = command.data
    download(inputs, work / _INPUTS, data.format, local)
    (work / OUTPUTS).mkdir()

    def real(text: str) -> str:
        for inside, here in ((data.input_path, _INPUTS), (data.output_path, OUTPUTS)):
            if inside:
                text = text.replace(inside.rstrip("/"), str(work / here))
        return text

    return [real(word) for word in argv], {name: real(value) for name, value in command.env.items()}


def download(inputs: Any, directory: Path, data_format: int, local: Callable[[str], Path]) -> None:
    """Writes the inputs of a container.

    Args:
        inputs: LiteralMap.
        directory: An empty directory.
        data_format: DataLoadingConfig.LiteralMapFormat of the file with all of them.
        local: The file behind a native URL.
    """
    directory.mkdir(parents=True)
    plain = {name: _write(directory / name, literal, local) for name, literal in inputs.literals.items()}
    (directory / "inputs.pb").write_bytes(inputs.SerializeToString(deterministic=True))
    if data_format == tasks_pb2.DataLoadingConfig.YAML:
        (directory / "inputs.yaml").write_text(yaml.safe_dump(plain))
    elif data_format == tasks_pb2.DataLoadingConfig.JSON:
        (directory / "inputs.json").write_text(json.dumps(plain))


def upload(directory: Path, variables: Any, keep: Path, layout: Layout) -> Any:
    """Reads the outputs of a container.

    Args:
        directory: Where it wrote them.
        variables: The declared outputs.
        keep: Where files go that are outputs themselves.
        layout: Writes them there, and knows what they are called.

    Raises:
        Failure: The container said that it failed, or an output is missing or of another type.
    """
    error = directory / "_ERROR"
    if error.exists():
        raise Failure("USER:ContainerError", error.read_bytes()[:_ERROR_LIMIT].decode(errors="replace"))
    result = literals_pb2.LiteralMap()
    for name, variable in variables.items():
        path = directory / name
        if not path.exists():
            raise Failure("OutputsNotFound", f"the container wrote no {name!r} below its output path")
        result.literals[name].CopyFrom(_read(path, name, variable.type, keep, layout))
    return result


def _write(path: Path, literal: Any, local: Callable[[str], Path]) -> Any:
    """Writes one literal and returns it as a plain value for inputs.json."""
    literal = unwrapped(loaded(literal, local))
    kind = literal.WhichOneof("value")
    if kind == "collection":
        path.mkdir()
        return [_write(path / str(index), item, local) for index, item in enumerate(literal.collection.literals)]
    if kind == "map":
        path.mkdir()
        return {key: _write(path / key, item, local) for key, item in literal.map.literals.items()}
    scalar = literal.scalar
    kind = scalar.WhichOneof("value")
    if kind in ("blob", "schema", "structured_dataset"):
        source = local(getattr(scalar, kind).uri)
        if source.is_dir():
            shutil.copytree(source, path)
        elif source.is_file():
            shutil.copyfile(source, path)
        else:
            raise Failure("InputNotFound", f"input {path.name!r}: {getattr(scalar, kind).uri} is not on this machine")
        return str(path)
    if kind == "binary":
        path.write_bytes(scalar.binary.value)
        return str(path)
    value = json_format.MessageToDict(scalar.generic) if kind == "generic" else _plain(scalar)
    path.write_text(value if isinstance(value, str) else _text(value))
    return value


def _plain(scalar: Any) -> Any:
    if scalar.WhichOneof("value") != "primitive":
        return None
    primitive = scalar.primitive
    name = primitive.WhichOneof("value")
    value = getattr(primitive, name)
    if name == "datetime":
        return str(value.ToDatetime(tzinfo=UTC).isoformat().replace("+00:00", "Z"))
    if name == "duration":
        return go_duration(value.ToNanoseconds())
    return value


def _text(value: Any) -> str:
    return f"{value:f}" if isinstance(value, float) else json.dumps(value)


def _read(path: Path, name: str, type_: Any, keep: Path, layout: Layout) -> Any:
    if type_.WhichOneof("type") == "blob":
        target = keep / name
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        for file in files:
            layout.write(target / file.relative_to(path) if path.is_dir() else target, file.read_bytes())
        blob = literals_pb2.Blob(uri=layout.native(target))
        blob.metadata.type.CopyFrom(type_.blob)
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(blob=blob))
    if type_.WhichOneof("type") != "simple":
        raise Failure("UnsupportedOutput", f"output {name!r}: containers put out simple types and blobs only")
    data = path.read_bytes()
    if len(data) > _SIMPLE_LIMIT:
        raise Failure("OutputTooLarge", f"output {name!r} is {len(data)} bytes long; {_SIMPLE_LIMIT} are allowed")
    try:
        return literals_pb2.Literal(scalar=_parse(data.decode(), type_.simple))
    except (ValueError, OverflowError) as error:
        kind = enum_name(types_pb2.SimpleType, type_.simple)
        raise Failure("OutputNotReadable", f"output {name!r} is no {kind}: {error}") from None


def _parse(text: str, simple: int) -> Any:
    primitive = literals_pb2.Primitive()
    if simple == types_pb2.STRING:
        primitive.string_value = text
    elif simple == types_pb2.INTEGER:
        primitive.integer = int(text.strip())
    elif simple == types_pb2.FLOAT:
        primitive.float_value = float(text)
    elif simple == types_pb2.BOOLEAN:
        if text.strip() not in ("true", "false", "True", "False", "TRUE", "FALSE", "1", "0", "t", "f", "T", "F"):
            raise ValueError(f"{text.strip()!r} is neither true nor false")
        primitive.boolean = text.strip().lower() in ("true", "1", "t")
    elif simple == types_pb2.DATETIME:
        moment = datetime.fromisoformat(text.strip())
        primitive.datetime.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    elif simple == types_pb2.DURATION:
        primitive.duration.FromNanoseconds(round(parse_go_duration(text.strip()) * 10**9))
    elif simple == types_pb2.STRUCT:
        return literals_pb2.Scalar(generic=json_format.Parse(text, struct_pb2.Struct()))
    elif simple == types_pb2.NONE:
        return literals_pb2.Scalar(none_type=literals_pb2.Void())
    else:
        raise ValueError("this type cannot be read from a file")
    return literals_pb2.Scalar(primitive=primitive)
