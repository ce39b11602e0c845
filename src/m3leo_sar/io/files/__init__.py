"""Files of every kind: atomic writes, limits, locks, HDF5, XML, Zarr, rasters."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
