"""What every room passes around: ids, times, places, refusals. Inert; imports no other room."""
