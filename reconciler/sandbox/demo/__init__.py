"""A fleet worth reconciling: owners, repositories and collaboration, in a known disorder.

authors.py   made-up people with keys, and the announcements, states, issues they sign
history.py   git repositories with branches, tags and merges; sends and pushes, as an owner does
host.py      a plain git host: git http-backend, no nostr
newcomer.py  somebody with a repository there, and four empty servers of four families
fleet.py     which server gets what, so that one is stale, one diverged, one empty, one ill
"""
