"""From Sentinel-1 products to a stack per burst and polarisation, on the grid of one date."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
