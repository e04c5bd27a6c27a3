"""Trains the field network: composes lines, trains, exports, calibrates and evaluates. `scripts/train lines --help`."""
