"""What moves Flyte 2 actions: processes, stubs, conditions, the scheduler."""
