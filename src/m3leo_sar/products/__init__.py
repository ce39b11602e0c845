"""What a recipe wants of a tile, where the tile lies on a stack, and making it."""
