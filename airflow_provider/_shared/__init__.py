"""What workers and triggerers both need: identity, values, events, errors."""
