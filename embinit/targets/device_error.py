"""The exception of devices: what could not be built, loaded or run to its end."""

from embinit.errors import EmbinitError


class DeviceError(EmbinitError):
    """A device that did not do what it was asked: the message says which function or tool, the cause and the place."""
