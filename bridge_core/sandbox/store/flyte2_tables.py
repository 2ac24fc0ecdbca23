"""The tables of Flyte 2, a step of `schema`: what is filtered and sorted on in columns, everything else in a message."""

__all__ = ["FLYTE2"]

FLYTE2 = """
CREATE TABLE flyte2_tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    environment TEXT NOT NULL DEFAULT '', function_name TEXT NOT NULL DEFAULT '', deployed_by TEXT NOT NULL DEFAULT '',
    total_triggers INTEGER NOT NULL DEFAULT 0, active_triggers INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, metadata BLOB NOT NULL, spec BLOB NOT NULL,
    UNIQUE (project, domain, name, version));
CREATE TABLE flyte2_triggers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL, domain TEXT NOT NULL, task_name TEXT NOT NULL, name TEXT NOT NULL,
    task_version TEXT NOT NULL, active INTEGER NOT NULL, automation_type TEXT NOT NULL,
    latest_revision INTEGER NOT NULL, deployed_at TEXT NOT NULL, updated_at TEXT NOT NULL, triggered_at TEXT,
    deleted_at TEXT, description TEXT NOT NULL DEFAULT '', record BLOB NOT NULL,
    UNIQUE (project, domain, task_name, name));
CREATE TABLE flyte2_trigger_revisions (
    trigger_id INTEGER NOT NULL, revision INTEGER NOT NULL, action INTEGER NOT NULL, created_at TEXT NOT NULL,
    record BLOB NOT NULL, PRIMARY KEY (trigger_id, revision));
CREATE TABLE flyte2_actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL, domain TEXT NOT NULL, run_name TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,
    phase INTEGER NOT NULL, action_type INTEGER NOT NULL, run_source TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, ended_at TEXT, duration_ms INTEGER,
    task_org TEXT NOT NULL DEFAULT '', task_project TEXT NOT NULL DEFAULT '', task_domain TEXT NOT NULL DEFAULT '',
    task_name TEXT NOT NULL DEFAULT '', task_version TEXT NOT NULL DEFAULT '', task_type TEXT NOT NULL DEFAULT '',
    task_short_name TEXT NOT NULL DEFAULT '', function_name TEXT NOT NULL DEFAULT '',
    environment TEXT NOT NULL DEFAULT '', trigger_name TEXT NOT NULL DEFAULT '',
    trigger_task_name TEXT NOT NULL DEFAULT '', trigger_revision INTEGER, trigger_type TEXT NOT NULL DEFAULT '',
    created_by_subject TEXT NOT NULL DEFAULT '', cache_key TEXT NOT NULL DEFAULT '',
    details BLOB NOT NULL, spec BLOB NOT NULL,
    UNIQUE (project, domain, run_name, name));
CREATE INDEX flyte2_actions_by_run ON flyte2_actions (run_name, parent);
CREATE INDEX flyte2_actions_by_creation ON flyte2_actions (parent, project, domain, created_at);
CREATE TABLE flyte2_cache (
    key TEXT PRIMARY KEY, outputs_uri TEXT NOT NULL);
CREATE TABLE flyte2_secrets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, type INTEGER NOT NULL,
    created_at TEXT NOT NULL, UNIQUE (project, domain, name))"""
