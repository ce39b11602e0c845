"""Data sets, models and training."""
