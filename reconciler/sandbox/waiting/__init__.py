"""What waits for git data (purgatory), and how it outlives a restart."""
