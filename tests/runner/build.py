# SPDX-License-Identifier: Apache-2.0
"""Configures and builds a preset with warnings as errors."""

import subprocess

from . import ROOT


def build(preset, report, options=(), targets=("all",)):
    """Builds these targets of the preset; returns its folder, or None after reporting the failure."""
    print(f"\n== build: preset {preset}", flush=True)
    folder = ROOT / "build" / preset
    configure = ["cmake", "--preset", preset, "-DVATMESH_WERROR=ON", "-DVATMESH_TESTS=ON",
                 "-DVATMESH_EXAMPLES=ON", *options, "--log-level=WARNING"]
    # -k 0: one source that does not compile does not hide the next.
    for step in (configure, ["cmake", "--build", str(folder), "--target", *targets, "--", "-k", "0"]):
        if subprocess.run(step, cwd=ROOT).returncode != 0:
            report.fail(f"build/{preset}", " ".join(step[:3]))
            return None
    return folder
