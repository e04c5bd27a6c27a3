"""How well pictures are read, by us and by others: `scripts/evaluate --help`."""
