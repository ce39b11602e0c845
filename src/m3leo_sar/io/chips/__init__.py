"""The chip archive, its storages and index, and the store of SLC tiles."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
