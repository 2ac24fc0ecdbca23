"""The services that Flyte calls: one module per wire, each a translation to the `Dispatcher` and back."""
