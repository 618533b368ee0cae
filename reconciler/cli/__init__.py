"""Arguments, environment, exit codes; the only folder that prints."""
