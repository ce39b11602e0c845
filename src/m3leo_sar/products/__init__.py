"""Products of tiles: the chips of a recipe, the place of a tile on a stack, and the computation."""
