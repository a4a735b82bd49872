# SPDX-License-Identifier: Apache-2.0
"""Stock C++ and pycapnp as application, as local client and as remote peer: all scenarios of
tests/peers, each once without any sidecar so that the programs themselves are proven."""

import harness
import pytest
import topology

pytestmark = pytest.mark.needs("probe-server", "probe-client")
sidecar = pytest.mark.needs("vatmesh-sidecar")


@pytest.mark.parametrize("language", ["cpp", "py"])
@pytest.mark.parametrize("kind", ["cpp-tcp", "cpp-unix", "cpp-abstract", "py-tcp"])
def test_peers_understand_each_other_directly(place, kind, language):
    app = topology.App(place, kind)
    ok = topology.client(place, language, app.address, "all", app=app.language)
    assert {"echo", "pipeline", "identity", "bulk"} <= set(ok)


@sidecar
@pytest.mark.parametrize("language", ["cpp", "py"])
@pytest.mark.parametrize("way", ["one", "two"])
@pytest.mark.parametrize("kind", topology.APPS)
def test_everything_works_through(place, kind, way, language):
    app = topology.App(place, kind)
    address = topology.WAYS[way](place, app)
    ok = topology.client(place, language, address, "all", app=app.language)
    assert {"echo", "pipeline", "identity", "bulk"} <= set(ok)


@sidecar
@pytest.mark.bulk
@pytest.mark.parametrize("way", ["one", "two"])
@pytest.mark.parametrize("kind,language", [("cpp-tcp", "cpp"), ("cpp-run", "py"), ("py-tcp", "cpp")])
def test_hundred_thousand_mixed_calls_give_their_results(place, kind, language, way):
    app = topology.App(place, kind)
    address = topology.WAYS[way](place, app)
    topology.client(place, language, address, "bulk", app=app.language, count=100000,
                    deadline=8 * harness.DEADLINE)


@sidecar
@pytest.mark.parametrize("way", ["one", "two"])
def test_a_shared_link_serves_all_peers(place, way):
    app = topology.App(place, "cpp-tcp")
    app.config = {"dial": app.config, "links": "shared"}
    topology.client(place, "cpp", topology.WAYS[way](place, app), "all")


@sidecar
@pytest.mark.parametrize("language", ["cpp", "py"])
@pytest.mark.parametrize("way", ["direct", "one", "two"])
def test_the_death_of_the_application_is_seen_as_disconnected(place, way, language):
    app = topology.App(place, "cpp-tcp")
    address = topology.WAYS[way](place, app)
    app.process.expect = (3,)
    topology.client(place, language, address, "die")
    assert app.process.wait() == 3


@sidecar
@pytest.mark.parametrize("way", ["one", "two"])
def test_an_application_that_comes_back_is_dialled_again(place, way):
    app = topology.App(place, "cpp-unix")
    address = topology.WAYS[way](place, app)
    topology.client(place, "cpp", address, "echo")
    app.process.kill()
    again = topology.App(place, "cpp-unix")
    assert again.address == app.address

    def served():
        # Until the sidecar has dialled again, calls fail at once.
        argv = [harness.program_path("probe-client"), address, "echo"]
        return place.run(f"again-{len(place.started)}", argv).process.returncode == 0
    harness.eventually(served, "the application that came back is reached")
    topology.client(place, "cpp", address, "echo", "bulk")


@sidecar
def test_two_local_clients_of_different_sidecars_share_an_object(place):
    """Client 1 reaches the application through two sidecars, client 2 as a remote peer through one."""
    app = topology.App(place, "cpp-run")
    inbound = place.sidecar("inbound", {
        "key": "vat.key",
        "listen": ["tcp:127.0.0.1:0", {"address": "unix:plain.sock", "tls": "off"}],
        "app": app.config,
        "exports": {"probe": {"capFile": "probe.cap"}, "stock": {"id": {"public": ""}}}})
    place.sidecar("outbound", {
        "imports": {"probe": {"uri": "../inbound/probe.cap", "socket": "unix:probe.sock"}}})
    near = f"unix:{place.path}/outbound/probe.sock"
    remote = inbound.socket("plain.sock")
    for language in ("cpp", "py"):
        topology.client(place, language, near, "twoClients", second=remote)
        topology.client(place, language, remote, "twoClients", second=near)
    topology.client(place, "cpp", near, "tailToOther", second=remote)
    topology.client(place, "cpp", remote, "tailToOther", second=near)


@sidecar
@pytest.mark.parametrize("way,listen", [
    ("one", "tcp:[::1]:0"), ("two", "tcp:[::1]:0"), ("one", "unix:peer.sock"),
    ("two", "unix:peer.sock"),
    # An abstract name has no place in a URI, so no sidecar dials one.
    ("one", "unix-abstract")])
def test_every_kind_of_address_carries_peers(place, way, listen):
    if "::1" in listen and not harness.has_ipv6():
        pytest.skip("no IPv6 loopback here")
    more = {}
    if listen == "unix-abstract":
        listen = f"unix-abstract:{place.path.name}-peer"
        more = {"advertise": "tcp:localhost:1"}
    app = topology.App(place, "cpp-tcp")
    address = topology.WAYS[way](place, app, listen=listen, **more)
    topology.client(place, "cpp", listen if more else address, "echo", "blobs", "callbacks", "bulk")


@sidecar
@pytest.mark.parametrize("form", ["tcp:127.0.0.1:{port}", "tcp:[::1]:{port}",
                                  "unix-abstract:{name}-import"])
def test_every_kind_of_import_socket_serves_local_clients(place, form):
    if "::1" in form and not harness.has_ipv6():
        pytest.skip("no IPv6 loopback here")
    port = harness.free_port("::1" if "::1" in form else "127.0.0.1")
    app = topology.App(place, "cpp-tcp", listen="[::1]:0" if harness.has_ipv6() else None)
    address = topology.two(place, app, socket=form.format(port=port, name=place.path.name))
    for language in ("cpp", "py"):
        topology.client(place, language, address, "echo", "callbacks", "twoClients")
