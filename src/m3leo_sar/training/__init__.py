"""Training runs on an archive of chips or on a store of SLC tiles."""
