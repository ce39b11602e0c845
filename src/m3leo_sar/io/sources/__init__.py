"""Sources of rasters for tiles: GDAL rasters, xarray data, GSSIC, GUNW."""
