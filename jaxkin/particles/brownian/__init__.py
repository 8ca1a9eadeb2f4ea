"""Coagulating Brownian particles: the system, its two schemes and what they share."""
