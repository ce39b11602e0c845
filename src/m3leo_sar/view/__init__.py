"""Any pair when it is viewed: the explorer of a stack, and the local server of its page and map tiles."""

from m3leo_sar._rooms import lazy_modules

__getattr__, __dir__ = lazy_modules(
    __name__, __path__, words={"Explorer": "explorer", "serve": "server", "view": "view"}
)
