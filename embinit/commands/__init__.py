"""Commands: one file for each, with a function `run` that returns the exit status."""
