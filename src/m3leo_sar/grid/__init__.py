"""Pixel grids, tiles, projections, orbits and regions."""
