# SPDX-License-Identifier: Apache-2.0
"""Builds vatmesh and runs its tests; started by tests/run."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
