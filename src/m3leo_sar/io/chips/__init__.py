"""The chip archive, its storages and index, and the store of SLC tiles."""
