"""Training runs on an archive of chips or on a store of SLC tiles."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
