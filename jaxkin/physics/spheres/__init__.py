"""Constants of hard spheres."""
