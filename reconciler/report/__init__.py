"""Views of one value: JSON, terminal, Markdown. Pure; every foreign text passes `safe`."""
