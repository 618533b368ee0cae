"""What the answers mean: what is known, who may speak, which refs differ, how families behave."""
