"""The kernel's own V4L2 cameras without hardware: see scripts/rig."""
