"""The mini engine: a run is a state machine that events move on; nothing waits in a thread but for processes."""
