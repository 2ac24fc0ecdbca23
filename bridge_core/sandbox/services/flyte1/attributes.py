"""AdminService: matchable attributes of projects, domains and workflows (flyteadmin ``resources/resource_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import (
    matchable_resource_pb2,
    project_attributes_pb2,
    project_domain_attributes_pb2,
    workflow_attributes_pb2,
)

from ...admin.settings import PLATFORM, merge
from ...model.ids import enum_name
from ...model.status import Rejected
from ...validation.requests import missing

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["AttributeHandlers"]

_KINDS = {
    "task_resource_attributes": matchable_resource_pb2.TASK_RESOURCE,
    "cluster_resource_attributes": matchable_resource_pb2.CLUSTER_RESOURCE,
    "execution_queue_attributes": matchable_resource_pb2.EXECUTION_QUEUE,
    "execution_cluster_label": matchable_resource_pb2.EXECUTION_CLUSTER_LABEL,
    "plugin_overrides": matchable_resource_pb2.PLUGIN_OVERRIDE,
    "workflow_execution_config": matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG,
    "cluster_assignment": matchable_resource_pb2.CLUSTER_ASSIGNMENT,
}
_Kind = matchable_resource_pb2.MatchableResource


class AttributeHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin) -> None:
        self._attributes = admin.attributes
        self._projects = admin.projects

    def UpdateProjectAttributes(self, request: Any) -> Any:
        """Sets what holds for a project."""
        given = _given(request)
        self._check_project(given.project)
        self._put(given, (given.project, "", ""))
        return project_attributes_pb2.ProjectAttributesUpdateResponse()

    def UpdateProjectDomainAttributes(self, request: Any) -> Any:
        """Sets what holds for a domain of a project."""
        given = _given(request)
        self._projects.check(given.project, given.domain)
        self._put(given, (given.project, given.domain, ""))
        return project_domain_attributes_pb2.ProjectDomainAttributesUpdateResponse()

    def UpdateWorkflowAttributes(self, request: Any) -> Any:
        """Sets what holds for a workflow."""
        given = _given(request)
        self._check_workflow(given)
        self._put(given, (given.project, given.domain, given.workflow))
        return workflow_attributes_pb2.WorkflowAttributesUpdateResponse()

    def GetProjectAttributes(self, request: Any) -> Any:
        """What is set for a project itself, completed by the platform's settings where it is about runs."""
        self._projects.check_exists(request.project, f"project [{request.project}] exists")
        kind = matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG
        found = self._attributes.exact((request.project, "", ""), request.resource_type)
        if request.resource_type == kind:
            found = found or matchable_resource_pb2.MatchingAttributes()
            merge(found.workflow_execution_config, PLATFORM)
            found.workflow_execution_config.interruptible.SetInParent()
        if found is None:
            raise _none(request.project, "", "", request.resource_type)
        response = project_attributes_pb2.ProjectAttributesGetResponse()
        response.attributes.project = request.project
        response.attributes.matching_attributes.CopyFrom(found)
        return response

    def GetProjectDomainAttributes(self, request: Any) -> Any:
        """What holds for a domain of a project: set for it, or for the project."""
        self._projects.check(request.project, request.domain)
        found = self._find(request.project, request.domain, "", request.resource_type)
        response = project_domain_attributes_pb2.ProjectDomainAttributesGetResponse()
        response.attributes.project, response.attributes.domain = request.project, request.domain
        response.attributes.matching_attributes.CopyFrom(found)
        return response

    def GetWorkflowAttributes(self, request: Any) -> Any:
        """What holds for a workflow: set for it, for its domain, or for its project."""
        self._check_workflow(request)
        found = self._find(request.project, request.domain, request.workflow, request.resource_type)
        response = workflow_attributes_pb2.WorkflowAttributesGetResponse()
        response.attributes.project, response.attributes.domain = request.project, request.domain
        response.attributes.workflow = request.workflow
        response.attributes.matching_attributes.CopyFrom(found)
        return response

    def DeleteProjectAttributes(self, request: Any) -> Any:
        """Forgets what is set for a project, and for everything in it."""
        self._check_project(request.project)
        self._attributes.remove((request.project, "", ""), request.resource_type)
        return project_attributes_pb2.ProjectAttributesDeleteResponse()

    def DeleteProjectDomainAttributes(self, request: Any) -> Any:
        """Forgets what is set for a domain of a project, and for everything in it."""
        self._projects.check(request.project, request.domain)
        self._attributes.remove((request.project, request.domain, ""), request.resource_type)
        return project_domain_attributes_pb2.ProjectDomainAttributesDeleteResponse()

    def DeleteWorkflowAttributes(self, request: Any) -> Any:
        """Forgets what is set for a workflow."""
        self._check_workflow(request)
        self._attributes.remove((request.project, request.domain, request.workflow), request.resource_type)
        return workflow_attributes_pb2.WorkflowAttributesDeleteResponse()

    def ListMatchableAttributes(self, request: Any) -> Any:
        """Everything of one kind, wherever it is set."""
        if request.resource_type not in _Kind.values():
            raise Rejected("INVALID_ARGUMENT", "invalid value for resource_type")
        return matchable_resource_pb2.ListMatchableAttributesResponse(
            configurations=self._attributes.all_of(request.resource_type)
        )

    def _check_project(self, project: str) -> None:
        self._projects.check_active(project, f"project [{project}] is registered")

    def _check_workflow(self, given: Any) -> None:
        self._projects.check(given.project, given.domain)
        if not given.workflow:
            raise missing("name")

    def _find(self, project: str, domain: str, workflow: str, kind: int) -> Any:
        found = self._attributes.find(project, domain, workflow, kind)
        if found is None:
            raise _none(project, domain, workflow, kind)
        return found

    def _put(self, given: Any, place: tuple[str, str, str]) -> None:
        if not given.HasField("matching_attributes"):
            raise missing("matching_attributes")
        attributes = given.matching_attributes
        target = attributes.WhichOneof("target")
        if target not in _KINDS:
            text = f"Unrecognized matching attributes type for request {'-'.join(part for part in place if part)}"
            raise Rejected("INVALID_ARGUMENT", text)
        if target == "plugin_overrides":
            attributes = self._with_older_overrides(attributes, place)
        self._attributes.put(place, _KINDS[target], attributes)

    def _with_older_overrides(self, attributes: Any, place: tuple[str, str, str]) -> Any:
        """Overrides are merged by task type; all else is replaced."""
        older = self._attributes.exact(place, matchable_resource_pb2.PLUGIN_OVERRIDE)
        if older is None:
            return attributes
        merged = {
            one.task_type: one for one in (*older.plugin_overrides.overrides, *attributes.plugin_overrides.overrides)
        }
        result = matchable_resource_pb2.MatchingAttributes()
        result.plugin_overrides.overrides.extend(merged[name] for name in sorted(merged))
        return result


def _given(request: Any) -> Any:
    if not request.HasField("attributes"):
        raise missing("attributes")
    return request.attributes


def _none(project: str, domain: str, workflow: str, kind: int) -> Rejected:
    name = enum_name(_Kind, kind)
    place = f"Project:{project} Domain:{domain} Workflow:{workflow} LaunchPlan: ResourceType:{name}"
    return Rejected("NOT_FOUND", f"Resource [{{{place}}}] not found")
