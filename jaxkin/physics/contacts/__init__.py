"""Pairs of Brownian particles at contact: interactions V and the recipe for β."""
