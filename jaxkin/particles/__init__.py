"""Microscopic systems: one file for each system, and the schemes that they share."""
