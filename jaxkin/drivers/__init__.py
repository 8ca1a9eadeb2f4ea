"""One driver for each family: `simulate` for particles, `solve` for equations."""
