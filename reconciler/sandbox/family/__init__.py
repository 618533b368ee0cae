"""How server families differ, as data: switches, budgets, words, and the named presets."""
