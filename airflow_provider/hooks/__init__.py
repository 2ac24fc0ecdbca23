"""Flyte hooks for Airflow."""
