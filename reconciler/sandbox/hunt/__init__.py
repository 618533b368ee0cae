"""Looking for git data that events promise and nobody has pushed."""
