"""Where messages go. One kind today."""
