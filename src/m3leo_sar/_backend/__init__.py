"""Dispatch of arrays to compiled kernels."""
