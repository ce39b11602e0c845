"""Parts of the page of any pair: each with its figure, what it computes and what it shows."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
