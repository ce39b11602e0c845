"""Stacks of acquisitions, their geometry, and pairs of dates."""
