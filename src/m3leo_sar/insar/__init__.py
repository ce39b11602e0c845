"""The words of interferometry, as functions of arrays."""
