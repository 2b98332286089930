"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# The first example of a test may compile a kernel, which takes seconds: no deadline. print_blob repeats a failure.
settings.register_profile(
    "embinit", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.load_profile("embinit")
