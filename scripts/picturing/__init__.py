"""The pictures of the READMEs, made from what the project itself draws: scripts/pictures."""
