"""Schedules of the Flyte provider."""
