"""Measures how well pictures are read, by edge_daemon and by other OCR programs: `scripts/evaluate --help`."""
