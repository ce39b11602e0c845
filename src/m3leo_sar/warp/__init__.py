"""Arrays from one pixel grid to another."""
