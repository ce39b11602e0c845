"""The arrays that public words take, plain, masked, torch, dask, xarray or a stack, and one door for all of them."""
