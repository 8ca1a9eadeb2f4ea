"""Kinetic equations: one file for each system."""
