"""What a server allows: pure policy, decided from values alone."""
