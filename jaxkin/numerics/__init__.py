"""Numerical building blocks without physics."""
