"""What a test holds in its hands: faults to switch on, stubs to play, calls to count."""
