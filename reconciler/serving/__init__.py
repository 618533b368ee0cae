"""What others may read of the last runs: metrics, health and the page. Nothing here can write."""
