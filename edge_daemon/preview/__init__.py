"""The page on which a person aims the camera, draws fields and teaches: `edge-daemon preview`. Never in the daemon."""
