"""Readers and writers of stacks of SLCs."""
