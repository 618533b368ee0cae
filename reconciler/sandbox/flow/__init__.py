"""What happens to an event and to git data on their way in. Blocking, in worker threads."""
