"""A Pi's surroundings without a Pi: see scripts/rig."""
