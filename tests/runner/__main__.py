# SPDX-License-Identifier: Apache-2.0
"""Chooses the parts, runs them, prints the sum."""

import argparse
import sys
import time

from . import checks, fuzz, integration, lint, persistence, programs, unit, vectors
from .build import build
from .report import Report

PARTS = {
    "checks": "rings, layout, format, and the tests of these checks",
    "unit": "GoogleTest programs",
    "persistence": "every store through one suite, printed as a table (tests/persistence)",
    "integration": "pytest in tests/integration, with the built programs",
    "fuzz": "random runs of the engine against a shadow world (tests/fuzz)",
    "planted": "shows that the fuzzer finds faults, each planted alone",
    "quickstart": "deploy/quickstart, as a user runs it (preset release)",
    "tls": "the tests of TLS with a current BoringSSL from source (preset release)",
    "bench": "tests/bench/run (preset release)",
    "lint": "clang-tidy-19; minutes, so only by name",
}
# Those that need the chosen preset built.
BUILT = {"unit": unit, "persistence": persistence, "integration": integration, "fuzz": fuzz,
         "lint": lint}
BY_NAME_ONLY = {"lint"}


def parse(argv):
    parts = "\n".join(f"  {name:<12} {text}" for name, text in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="tests/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds vatmesh and runs its tests.", epilog=f"parts:\n{parts}")
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all but lint")
    parser.add_argument("--preset", default="asan", help="for unit, persistence, integration, fuzz and lint (default: asan)")
    parser.add_argument("--seconds", type=int, default=fuzz.SECONDS,
                        help=f"for fuzz (default: {fuzz.SECONDS})")
    arguments = parser.parse_args(argv)
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return arguments


def main(argv):
    arguments = parse(argv)
    chosen = [part for part in PARTS if part in (arguments.parts or PARTS.keys() - BY_NAME_ONLY)]
    report = Report()
    started = time.monotonic()
    if "checks" in chosen:
        checks.run(report)
    if built := [part for part in BUILT if part in chosen]:
        folder = build(arguments.preset, report)
        for part in built if folder else []:
            options = {"seconds": arguments.seconds} if part == "fuzz" else {}
            BUILT[part].run(folder, report, **options)
    if "planted" in chosen:
        fuzz.planted(report)
    if {"quickstart", "tls", "bench"} & set(chosen):
        programs.boringssl(report)
    if "quickstart" in chosen:
        programs.quickstart(report)
    if "tls" in chosen:
        programs.tls(report)
    if "bench" in chosen:
        # Among all the other parts it shows that it works; called by name it measures.
        programs.bench(report, quick=not arguments.parts)
    if {"unit", "integration"} & set(chosen):
        print(f"\n{vectors.table(report)}")
    if {"unit", "integration"} <= set(chosen):
        report.check("golden data: every file has been used", vectors.missing(report))
    last = report.summary()
    print(f"{time.monotonic() - started:.0f} s for {', '.join(chosen)}")
    print(last, flush=True)
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
