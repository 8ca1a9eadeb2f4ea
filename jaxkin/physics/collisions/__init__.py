"""Collisions: kernels, angles, collision laws and what they do to moments."""
