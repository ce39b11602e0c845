"""Extraction and normalisation of chips for a model."""
