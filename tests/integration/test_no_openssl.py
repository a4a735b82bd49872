# SPDX-License-Identifier: Apache-2.0
"""A running sidecar has BoringSSL in it and no OpenSSL: the two share symbol names, and whichever
comes first would serve the other's users. A BoringSSL from source is static, and nothing sees it."""

import os
import re
import subprocess

import harness
import pytest
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server", "probe-client")
OPENSSL = re.compile(r"^lib(ssl|crypto)\.so\.(1|3)")
FOREIGN = re.compile(r"^lib(capnp-rpc|kj-tls|kj-async|pq|curl|hiredis)")


def test_a_serving_sidecar_maps_no_openssl(place):
    app = topology.App(place, "cpp-tcp")
    topology.client(place, "cpp", topology.two(place, app), "echo")
    for name in ("inbound", "outbound"):
        sidecar = next(p for p in place.started if p.name == name)
        names = {os.path.basename(path) for path in sidecar.mapped()}
        assert not [n for n in names if OPENSSL.match(n)], names
        assert not [n for n in names if FOREIGN.match(n)], names
        shared = [n for n in names if re.match(r"lib(ssl|crypto)\.so", n)]
        if harness.boringssl() == "source":
            assert not shared, names
        else:
            assert "libssl.so.0" in shared, f"where is BoringSSL? {names}"


def test_the_symbols_of_a_static_boringssl_are_hidden():
    if harness.boringssl() != "source":
        pytest.skip("built with the system's BoringSSL, which is a shared library")
    for program in ("vatmesh-sidecar", "vatmesh"):
        exported = subprocess.run(["nm", "--dynamic", "--defined-only", harness.program_path(program)],
                                  check=True, capture_output=True, text=True).stdout
        assert not re.search(r" (SSL|EVP|CRYPTO|BIO)_\w+$", exported, re.M), exported


@pytest.mark.needs("vatmesh")
def test_the_command_line_links_no_openssl():
    # It has the RPC library of Cap'n Proto in it, which must bring nothing along.
    out = subprocess.run(["ldd", harness.program_path("vatmesh")], check=True, capture_output=True,
                         text=True).stdout
    names = [line.split()[0] for line in out.splitlines() if line.split()]
    assert [n for n in names if n.startswith("libcapnp-rpc")], names
    assert not [n for n in names if OPENSSL.match(n)], names
