"""The real picamera2 without a camera: see scripts/rig."""
