"""Cutting and normalising what a model sees."""
