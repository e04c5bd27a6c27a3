"""Trains the networks in models/: `scripts/train --help`.

scenes/ draws pages with known contents; digits/, strips/ and sieve/ train one network each; common/ converts, checks
and writes them.
"""
