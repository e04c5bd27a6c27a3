"""Tests of the installed service on whole Debian systems, without a Pi: see scripts/rig."""
