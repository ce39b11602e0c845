"""Array types accepted by public functions (plain, masked, torch, dask, xarray or a stack), and their common entry."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
