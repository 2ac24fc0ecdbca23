"""How one waits for runs: the pure watcher, its one question, who drives it (blocking, or one poll per event loop), time-outs."""
