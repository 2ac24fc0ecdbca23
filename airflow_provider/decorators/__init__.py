"""Flyte decorators for Airflow."""
