"""The base of our SQLite files, below the rooms that keep one."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
