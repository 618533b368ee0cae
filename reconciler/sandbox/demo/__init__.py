"""A fleet worth reconciling: owners, repositories and collaboration, in a known disorder.

people.py    keys of made-up owners
history.py   git repositories with branches, tags and merges
writing.py   announcements, states, issues, pull requests, as their authors would sign them
client.py    sends events and pushes, as an owner's own tools would
scene.py     which server gets what, so that one is stale, one diverged, one empty, one down
"""
