"""What the connector asks Dagster's GraphQL API."""

from __future__ import annotations

__all__ = [
    "BACKFILL",
    "BACKFILLS",
    "CANCEL_BACKFILL",
    "LAUNCH",
    "LAUNCH_BACKFILL",
    "PLACES",
    "RUN",
    "RUNS",
    "TERMINATE",
]

_ERRORS = """
  ... on PythonError { message }
  ... on UnauthorizedError { message }
  ... on PipelineNotFoundError { message }
  ... on InvalidSubsetError { message }
  ... on RunConfigValidationInvalid { errors { message } }
"""
_RUN = "runId status creationTime tags { key value }"
_VALUES = """
  metadataEntries {
    __typename label
    ... on IntMetadataEntry { intRepr }
    ... on FloatMetadataEntry { floatValue floatRepr }
    ... on TextMetadataEntry { text }
    ... on BoolMetadataEntry { boolValue }
    ... on JsonMetadataEntry { jsonString }
    ... on UrlMetadataEntry { url }
    ... on PathMetadataEntry { path }
    ... on MarkdownMetadataEntry { mdStr }
    ... on TimestampMetadataEntry { timestamp }
  }
"""

RUNS = f"""query($filter: RunsFilter!) {{ runsOrError(filter: $filter) {{
  __typename ... on Runs {{ results {{ {_RUN} }} }} ... on PythonError {{ message }} }} }}"""

RUN = f"""query($id: ID!) {{ runOrError(runId: $id) {{
  __typename ... on PythonError {{ message }}
  ... on Run {{ {_RUN} stepStats {{ stepKey status }}
    assetMaterializations {{ timestamp partition assetKey {{ path }} {_VALUES} }} }} }} }}"""

LAUNCH = f"""mutation($params: ExecutionParams!) {{ launchRun(executionParams: $params) {{
  __typename ... on LaunchRunSuccess {{ run {{ {_RUN} }} }} {_ERRORS} }} }}"""

TERMINATE = """mutation($id: String!, $policy: TerminateRunPolicy!) { terminateRun(runId: $id, terminatePolicy: $policy) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } ... on UnauthorizedError { message } } }"""

PLACES = """{ repositoriesOrError { __typename ... on PythonError { message }
  ... on RepositoryConnection { nodes { name location { name } pipelines { name } assetNodes { assetKey { path } } } } } }"""

LAUNCH_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId }
  ... on PythonError { message } ... on UnauthorizedError { message } ... on PartitionSetNotFoundError { message }
  ... on PartitionKeysNotFoundError { message } ... on PipelineNotFoundError { message }
  ... on InvalidSubsetError { message } } }"""

_BACKFILL = "id status timestamp tags { key value } numPartitions error { message }"

BACKFILLS = f"""query($cursor: String) {{ partitionBackfillsOrError(limit: 50, cursor: $cursor) {{
  __typename ... on PythonError {{ message }} ... on PartitionBackfills {{ results {{ {_BACKFILL} }} }} }} }}"""

BACKFILL = f"""query($id: String!) {{ partitionBackfillOrError(backfillId: $id) {{
  __typename ... on PythonError {{ message }} ... on PartitionBackfill {{ {_BACKFILL} }} }} }}"""

CANCEL_BACKFILL = """mutation($id: String!) { cancelPartitionBackfill(backfillId: $id) {
  __typename ... on PythonError { message } ... on UnauthorizedError { message } } }"""
