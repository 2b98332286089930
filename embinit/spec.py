"""The version of SPEC.md: it changes when the bits of a released dialect do."""

SPEC_VERSION = 1
