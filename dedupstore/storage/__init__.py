"""Stores: where the immutable objects of a repository live."""
