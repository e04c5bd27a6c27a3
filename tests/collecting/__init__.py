"""Tests of scripts/collecting."""
