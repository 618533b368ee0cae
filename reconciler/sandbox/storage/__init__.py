"""What a server keeps: events, purgatory, bare repositories, errands."""
