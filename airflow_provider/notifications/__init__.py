"""Flyte notifiers for Airflow."""
