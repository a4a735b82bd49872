# SPDX-License-Identifier: Apache-2.0
"""The table of golden data (tests/vectors) against the results of the tests that use it."""

import fnmatch
import json

from . import ROOT

FOLDER = ROOT / "tests" / "vectors" / "ocaml-capnp-rpc"

# Files of the golden data, and the tests that hold us to them: `PROGRAM: Suite.Name` for unit tests,
# `MODULE.test[case]` for integration, with * for anything.
ROWS = {
    "keys.json": ["*public_key_test: FingerprintOf*", "*key_pair_test: KeyPair.HasTheFingerprint*",
                  "*certificate_test: Certificate.*", "*uri_test: PrintUri.MakesTheUris*",
                  "*test_ocaml_vat.test_the_address_and_the_identity*"],
    "pem-inputs.json": ["*key_pair_test: KeyPair.TakesAndRefuses*", "*key_pair_test: KeyPair.Makes*"],
    "derived-ids.json": ["*object_id_test: *"],
    "uri-parse.json": ["*uri_test: ParseUri.*", "*uri_test: StrictUri.*"],
    "uri-print.json": ["*uri_test: PrintUri.*"],
    "addresses.json": ["*load_test: Load.TakesNoAddress*",
                       "*capnp_options_test: CapnpOptions.TakeRelative*"],
    "options.json": ["*capnp_options_test: *", "*test_ocaml_vat.test_the_options*",
                     "*test_ocaml_vat.test_wrong_options*"],
    "cap-files.json": ["*sturdy_cap_file_test: *", "*restore_cap_file_test: *"],
    "file-store.json": ["*object_id_test: IdDigest.NamesTheFile*", "*file_store*"],
    "transcripts/index.json": ["*transcript_test: *", "*test_ocaml_transcripts.*"],
    "raw-server-probes.json": ["*test_ocaml_raw_server.*"],
    "raw-client-probes.json": ["*test_ocaml_raw_client.*"],
    "tls-server-probes.json": ["*test_ocaml_tls.test_who_was_served*"],
    "tls-client-probes.json": ["*test_ocaml_tls.test_whom_an_ocaml_client_took*"],
    "tls-close-probes.json": ["*test_ocaml_tls.test_connections_end*"],
    "behaviour.json": ["*test_ocaml_vat.*", "*peer_table_test: *", "*shared_links_test: *"],
}


def cases(name):
    """How many cases a file holds."""
    data = json.loads((FOLDER / name).read_text())
    if isinstance(data, list):
        return len(data)
    return sum(len(v) for v in data.values() if isinstance(v, list) and v and isinstance(v[0], dict))


def _matching(names, patterns):
    return [n for n in names if any(fnmatch.fnmatchcase(n, p.replace("[", "[[]")) for p in patterns)]


def table(report):
    """The rows, as text: file, cases in it, tests that passed, failed, were skipped."""
    lines = [("golden data", "cases", "passed", "failed", "skipped", "")]
    for name, patterns in ROWS.items():
        passed = _matching(report.passed_names, patterns)
        failed = _matching([n for n, _ in report.failures], patterns)
        skipped = _matching([n for n, _ in report.skips], patterns)
        result = "FAILED" if failed else "ok" if passed else "not run"
        lines.append((name, cases(name), len(passed), len(failed), len(skipped), result))
    width = max(len(line[0]) for line in lines)
    return "\n".join(f"{name:<{width}} {count:>6} {passed:>7} {failed:>7} {skipped:>8}  {result}"
                     for name, count, passed, failed, skipped, result in lines)


def missing(report):
    """The rows for which no test ran."""
    names = report.passed_names | {n for n, _ in report.failures}
    return [name for name, patterns in ROWS.items() if not _matching(names, patterns)]
