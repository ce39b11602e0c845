"""Tables of tiles, of splits and of areas."""
