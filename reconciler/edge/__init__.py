"""The only folder with sockets, TLS, clock, files and child processes."""
