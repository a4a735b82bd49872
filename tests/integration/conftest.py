# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the integration tests; harness.py has what they give."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "peers"))
import harness  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*programs): skips unless these programs are built")
    config.addinivalue_line("markers", "bulk: takes tens of seconds")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed_in_call = outcome.get_result().failed


@pytest.fixture(autouse=True)
def _needs(request):
    for mark in request.node.iter_markers("needs"):
        for name in mark.args:
            if not harness.program_path(name).exists():
                pytest.skip(f"{name} is not built in {harness.bin_folder()}")


@pytest.fixture
def place(request):
    """A harness.Place; the test fails when something in it does not end cleanly."""
    p = harness.Place()
    yield p
    p.close(failed=getattr(request.node, "failed_in_call", False))
