"""Generated C: a model's plan as tables, its golden vectors as bits, and tests that run on the device."""

from embinit.codegen.checks import firmware, plain_check, unity_test
from embinit.codegen.expected import expected_header
from embinit.codegen.init import init_header, init_signature, init_source, own_files
from embinit.codegen.text import NoCodeError, banner

__all__ = [
    "NoCodeError",
    "banner",
    "expected_header",
    "firmware",
    "init_header",
    "init_signature",
    "init_source",
    "own_files",
    "plain_check",
    "unity_test",
]
