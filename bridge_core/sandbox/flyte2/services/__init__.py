"""The services of Flyte 2: request in, answer out."""
