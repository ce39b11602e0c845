"""Long runs that update an archive or a store: plan, jobs, workers, ledger."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, __path__)
