"""A fleet worth reconciling: owners, repositories and collaboration, in a known disorder.

authors.py   made-up people with keys, and the announcements, states, issues they sign
history.py   git repositories with branches, tags and merges; sends and pushes, as an owner does
fleet.py     which server gets what, so that one is stale, one diverged, one empty, one ill
"""
