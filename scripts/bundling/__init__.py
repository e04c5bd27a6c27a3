"""What scripts/bundle and scripts/lock do in Python: locked requirements, and the list of what a bundle contains."""
