"""Schedules of active launch plans: since when, and up to which tick they were fired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from flyteidl.admin import launch_plan_pb2

if TYPE_CHECKING:
    from .database import Database

__all__ = ["ScheduleRow", "Schedules"]


class ScheduleRow(NamedTuple):
    """One schedule that fires."""

    plan_row: int
    plan: Any
    activated_at: datetime
    fired_until: datetime


class Schedules:
    """Schedules in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, plan_row: int, moment: datetime) -> None:
        """A launch plan became active; one that is active already goes on as it was."""
        seconds = int(moment.timestamp())
        self._db.execute("INSERT OR IGNORE INTO schedules VALUES (?,?,?)", (plan_row, seconds, seconds))

    def remove_inactive(self) -> None:
        """Forgets what is not active any more."""
        self._db.execute(
            "DELETE FROM schedules WHERE launch_plan_id NOT IN (SELECT id FROM entities WHERE state=?)",
            (launch_plan_pb2.ACTIVE,),
        )

    def fired(self, plan_row: int, tick: datetime) -> None:
        """All ticks up to this one are done with."""
        self._db.execute("UPDATE schedules SET fired_until=? WHERE launch_plan_id=?", (int(tick.timestamp()), plan_row))

    def all(self) -> list[ScheduleRow]:
        """Every schedule that fires, in the order of activation."""
        rows = self._db.all(
            "SELECT s.*, e.record FROM schedules s JOIN entities e ON e.id=s.launch_plan_id ORDER BY s.rowid"
        )
        return [
            ScheduleRow(
                row["launch_plan_id"],
                launch_plan_pb2.LaunchPlan.FromString(row["record"]),
                datetime.fromtimestamp(row["activated_at"], UTC),
                datetime.fromtimestamp(row["fired_until"], UTC),
            )
            for row in rows
        ]
