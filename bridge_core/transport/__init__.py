"""The few things the core may await, and a clock. Two implementations: `blocking` and `aio`; nothing imports either early."""
