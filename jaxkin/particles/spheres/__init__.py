"""Mixtures of hard spheres: the system and its exact flow."""
