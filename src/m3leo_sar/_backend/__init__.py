"""Turns arrays into kernel calls."""
