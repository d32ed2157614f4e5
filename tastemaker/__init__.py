"""Holds the Python client of a Tastemaker site, `tastemaker.client`, and nothing else of the product."""
