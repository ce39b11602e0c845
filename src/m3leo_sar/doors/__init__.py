"""Array types accepted by public functions (plain, masked, torch, dask, xarray or a stack), and their common entry."""
