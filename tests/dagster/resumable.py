"""A run launcher that says of itself what those of Kubernetes and ECS say: runs whose worker died are resumed."""

from dagster._core.launcher import DefaultRunLauncher


class Resumable(DefaultRunLauncher):
    """Resumed by tests, as those are by Dagster's daemon."""

    supports_resume_run = True
