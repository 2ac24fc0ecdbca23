"""Imported by nobody: no part of the code archive that `copy="auto"` makes."""
