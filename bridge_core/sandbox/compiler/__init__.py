"""From a workflow's template to the compiled closure, with the checks and the texts of flytepropeller's compiler."""
