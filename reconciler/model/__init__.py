"""The frozen values that cross the seams between stages; one file a seam."""
