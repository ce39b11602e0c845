"""Sentinel-1 products and their annotations."""
