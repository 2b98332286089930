"""JAX and Flax themselves, which only their bridge needs."""

from embinit.errors import EmbinitError


def check_installed() -> None:
    """Raise EmbinitError if JAX or Flax is missing."""
    try:
        import flax  # noqa: F401
        import jax  # noqa: F401
    except ImportError:
        raise EmbinitError("embinit.jax needs JAX and Flax: pip install 'embinit[jax]'") from None
