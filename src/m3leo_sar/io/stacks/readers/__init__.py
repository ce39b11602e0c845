"""The layouts of other producers, one file per kind of product."""
