"""When to ask whom again: pure state machines that the reconciler and the sandbox share."""
