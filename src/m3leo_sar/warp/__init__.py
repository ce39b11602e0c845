"""Resampling of arrays from one pixel grid to another."""
