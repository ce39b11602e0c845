"""Products of tiles: the chips of a recipe, the place of a tile on a stack, and the computation."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
