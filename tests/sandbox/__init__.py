"""Tests of the embedded servers: real sockets, real signatures, the real git."""
