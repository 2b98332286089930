"""Generated C: a model's plan as tables, its golden vectors as bits, and tests that run on the device."""

from embinit.codegen.checks import firmware, plain_check, unity_test
from embinit.codegen.expected import expected_header
from embinit.codegen.golden import file_of, golden_assembly, golden_embedded, golden_header, golden_source
from embinit.codegen.init import init_header, init_signature, init_source, own_files
from embinit.codegen.refusal import no_c
from embinit.codegen.rust import rust
from embinit.codegen.suites import cpputest, gtest, plain, program, suite_header, unity, ztest
from embinit.codegen.text import NoCodeError, banner

__all__ = [
    "NoCodeError",
    "banner",
    "cpputest",
    "expected_header",
    "file_of",
    "firmware",
    "golden_assembly",
    "golden_embedded",
    "golden_header",
    "golden_source",
    "gtest",
    "init_header",
    "init_signature",
    "init_source",
    "no_c",
    "own_files",
    "plain",
    "plain_check",
    "program",
    "rust",
    "suite_header",
    "unity",
    "unity_test",
    "ztest",
]
