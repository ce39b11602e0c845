"""From Sentinel-1 products to a stack per burst and polarisation, on the grid of one date."""
