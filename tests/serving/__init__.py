"""What others may read of the last runs."""
