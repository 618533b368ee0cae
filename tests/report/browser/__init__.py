"""The page in a browser: `make browser`, for which Chromium must be installed."""
