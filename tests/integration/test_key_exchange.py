# SPDX-License-Identifier: Apache-2.0
"""Which key exchange two sides agree on: X25519MLKEM768 where both have it, X25519 with others. The
log says it, at the connection."""

import subprocess

import harness
import pytest
import topology
from test_tls import certificate

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server", "probe-client")

BEST = {"system": "X25519", "source": "X25519MLKEM768"}


def inbound(place, app):
    return place.sidecar("inbound", {"key": "vat.key", "listen": "tcp:127.0.0.1:0", "app": app.config,
                                     "exports": {"probe": {"capFile": "probe.cap"}}})


def agree(place, listening, dialling, group):
    """A call between two sidecars of these programs; both have agreed on `group`."""
    app = topology.App(place, "cpp-tcp")
    ours = place.sidecar("inbound", {
        "key": "vat.key", "listen": "tcp:127.0.0.1:0", "app": app.config,
        "exports": {"probe": {"capFile": "probe.cap"}}}, program=listening / "vatmesh-sidecar")
    ours.cap("probe.cap")
    theirs = place.sidecar("outbound", {
        "imports": {"probe": {"uri": "../inbound/probe.cap", "socket": "unix:probe.sock"}}},
        program=dialling / "vatmesh-sidecar")
    topology.client(place, "cpp", theirs.socket("probe.sock"), "echo")
    for sidecar in (ours, theirs):
        assert f": connected (TLSv1.3, {group})" in sidecar.log()


def other_build():
    """The programs of a build of this tree with the other BoringSSL."""
    here = harness.bin_folder()
    for folder in harness.ROOT.glob("build/*/bin"):
        if (folder / "vatmesh-sidecar").exists() and harness.boringssl(folder) != harness.boringssl(here):
            return folder
    pytest.skip("there is no second build with another VATMESH_BORINGSSL")


def test_two_of_ours_agree_on_the_best_that_they_have(place):
    agree(place, harness.bin_folder(), harness.bin_folder(), BEST[harness.boringssl()])


@pytest.mark.parametrize("ours_listens", [True, False])
def test_a_current_boringssl_and_an_old_one_fall_back_to_x25519(place, ours_listens):
    sides = [harness.bin_folder(), other_build()]
    agree(place, *(sides if ours_listens else reversed(sides)), "X25519")


@pytest.mark.parametrize("offered, group", [("X25519", "X25519"), ("P-256:X25519", "P-256"),
                                            ("P-384", "P-384")])
def test_openssl_gets_what_it_has(place, offered, group):
    sidecar = inbound(place, topology.App(place, "cpp-tcp"))
    key, cert = certificate(place)
    address = harness.uri_place(sidecar.cap("probe.cap"))
    subprocess.run(["openssl", "s_client", "-connect", address, "-cert", cert, "-key", key, "-groups",
                    offered], input=b"", check=True, capture_output=True, timeout=harness.DEADLINE)
    sidecar.wait_log(rf": connected \(TLSv1\.3, {group}\)")
