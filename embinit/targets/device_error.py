"""The exception of devices: something could not be built, loaded or run to its end."""

from embinit.errors import EmbinitError


class DeviceError(EmbinitError):
    """A device did not do what it was asked to: the message names the function or tool, the cause and the place."""
