"""Settings of all tests."""

from hypothesis import settings

# examples run on shared machines: time is measured by `make bench`, never judged by a test
settings.register_profile("house", deadline=None)
settings.load_profile("house")
