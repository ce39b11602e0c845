"""Interferometric processing (InSAR) as functions of arrays."""
