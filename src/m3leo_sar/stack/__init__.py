"""Stacks of acquisitions, their geometry, and pairs of dates."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
