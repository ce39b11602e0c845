"""Chips and pairs as samples and batches."""
