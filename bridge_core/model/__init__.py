"""What is passed around: inert values, errors, policies. Imports nothing above itself."""
