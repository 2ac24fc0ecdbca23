"""What the tasks need."""

FACTOR = 3
