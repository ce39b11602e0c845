"""Sources that tiles are cut from: rasters, xarray data, GSSIC, GUNW."""
