"""TranslatorService: JSON to literals and back, and the JSON schema of a task's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.workflow import translator_service_pb2
from google.protobuf import json_format

from ...model.status import Rejected
from .forms import literal_of, plain_of, schema_of, type_of_schema

if TYPE_CHECKING:
    from ..wire.call import Incoming

__all__ = ["TranslatorHandlers"]


class TranslatorHandlers:
    """One method per RPC."""

    def JsonValuesToLiterals(self, request: Any, _call: Incoming) -> Any:
        """Plain values to literals, by declared types."""
        response = translator_service_pb2.JsonValuesToLiteralsResponse()
        values = json_format.MessageToDict(request.values)
        for entry in request.variables.variables:
            if entry.key not in values:
                raise Rejected("INVALID_ARGUMENT", f'missing value for variable "{entry.key}" in JSON payload')
            literal = _converted(entry.key, values[entry.key], entry.value.type)
            response.literals.add(name=entry.key).value.CopyFrom(literal)
        return response

    def TaskSpecToLaunchFormJson(self, request: Any, _call: Incoming) -> Any:
        """The form of a task's inputs. Without its defaults: the backend leaves them out."""
        variables = request.task_spec.task_template.interface.inputs.variables
        return _form(translator_service_pb2.TaskSpecToLaunchFormJsonResponse(), variables, {})

    def LiteralsToLaunchFormJson(self, request: Any, _call: Incoming) -> Any:
        """The form of given variables, with values."""
        values = {literal.name: literal.value for literal in request.literals}
        response = translator_service_pb2.LiteralsToLaunchFormJsonResponse()
        return _form(response, request.variables.variables, values)

    def LaunchFormJsonToLiterals(self, request: Any, _call: Incoming) -> Any:
        """The values of a form to literals."""
        response = translator_service_pb2.LaunchFormJsonToLiteralsResponse()
        for name, schema in json_format.MessageToDict(request.json).get("properties", {}).items():
            if isinstance(schema, dict) and "default" in schema:
                literal = _converted(name, schema["default"], type_of_schema(schema))
                response.literals.add(name=name).value.CopyFrom(literal)
        return response


def _form(response: Any, variables: Any, values: dict[str, Any]) -> Any:
    properties: dict[str, Any] = {}
    required = []
    for entry in variables:
        properties[entry.key] = schema_of(entry.value.type)
        if entry.value.description:
            properties[entry.key]["description"] = entry.value.description
        if entry.key in values:
            properties[entry.key]["default"] = plain_of(values[entry.key])
        required.append(entry.key)
    form = {"type": "object", "title": "Launch Form", "properties": properties, "required": required}
    response.json.update(form)
    return response


def _converted(name: str, value: Any, kind: Any) -> Any:
    try:
        return literal_of(value, kind)
    except ValueError as error:
        text = f'error converting field "{name}" to literal: invalid_argument: {error}'
        raise Rejected("INVALID_ARGUMENT", text) from None
