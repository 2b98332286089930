"""The exception of devices: what could not be built, loaded or run to its end."""


class DeviceError(Exception):
    """A device that did not do what it was asked: the message says which function or tool, the cause and the place."""
