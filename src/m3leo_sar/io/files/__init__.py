"""Files of every kind: atomic writes, limits, locks, HDF5, XML, Zarr, rasters."""
