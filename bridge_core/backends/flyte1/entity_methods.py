"""The RPCs of FlyteAdmin on tasks, workflows and launch plans."""

from __future__ import annotations

from flyteidl.admin import common_pb2, description_entity_pb2, launch_plan_pb2, task_pb2, workflow_pb2

from .methods import admin

GET_LAUNCH_PLAN = admin("GetLaunchPlan", common_pb2.ObjectGetRequest, launch_plan_pb2.LaunchPlan)
GET_ACTIVE_LAUNCH_PLAN = admin(
    "GetActiveLaunchPlan", launch_plan_pb2.ActiveLaunchPlanRequest, launch_plan_pb2.LaunchPlan
)
LIST_LAUNCH_PLANS = admin("ListLaunchPlans", common_pb2.ResourceListRequest, launch_plan_pb2.LaunchPlanList)
LIST_ACTIVE_LAUNCH_PLANS = admin(
    "ListActiveLaunchPlans", launch_plan_pb2.ActiveLaunchPlanListRequest, launch_plan_pb2.LaunchPlanList
)
# The identical launch plan again is ALREADY_EXISTS, which says what was wanted.
CREATE_LAUNCH_PLAN = admin(
    "CreateLaunchPlan", launch_plan_pb2.LaunchPlanCreateRequest, launch_plan_pb2.LaunchPlanCreateResponse
)
UPDATE_LAUNCH_PLAN = admin(
    "UpdateLaunchPlan", launch_plan_pb2.LaunchPlanUpdateRequest, launch_plan_pb2.LaunchPlanUpdateResponse
)
LIST_LAUNCH_PLAN_IDS = admin(
    "ListLaunchPlanIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList
)
GET_TASK = admin("GetTask", common_pb2.ObjectGetRequest, task_pb2.Task)
GET_DESCRIPTION_ENTITY = admin(
    "GetDescriptionEntity", common_pb2.ObjectGetRequest, description_entity_pb2.DescriptionEntity
)
LIST_TASKS = admin("ListTasks", common_pb2.ResourceListRequest, task_pb2.TaskList)
LIST_TASK_IDS = admin("ListTaskIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList)
LIST_WORKFLOW_IDS = admin(
    "ListWorkflowIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList
)
LIST_WORKFLOWS = admin("ListWorkflows", common_pb2.ResourceListRequest, workflow_pb2.WorkflowList)
