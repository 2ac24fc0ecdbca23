"""What runs in a task's own process."""
