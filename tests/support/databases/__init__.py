"""A real PostgreSQL, and scripts/collect as a process."""
