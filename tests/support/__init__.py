"""What several test files share: oracles, recorded bits, strategies, compilers, emulated cores."""
