# SPDX-License-Identifier: Apache-2.0
"""The calculator example, client against server without a sidecar and through the sidecars of its
sample configurations: it must show the same."""

import contextlib
import importlib.util
import re
import shutil
import socket
import sys
import threading

import pytest

import harness

pytestmark = pytest.mark.needs("calculator-server", "calculator-client")

EXAMPLE = harness.ROOT / "deploy/examples/calculator"
LINES = {"evaluate": "20", "pipelining": "42", "defFunction": "1234", "callback": "512"}

needs_pycapnp = pytest.mark.skipif(importlib.util.find_spec("capnp") is None,
                                   reason="pycapnp is not installed: deploy/setup --python")
CLIENTS = ["c++", pytest.param("python", marks=needs_pycapnp)]


def client_command(kind, address, *options):
    if kind == "python":
        return [sys.executable, EXAMPLE / "client.py", address, *options]
    return [harness.program_path("calculator-client"), address, *options]


def serve(place, address, name="server"):
    """Starts a server that ends on SIGTERM, as any program does that handles no signal."""
    server = place.program(name, [harness.program_path("calculator-server"), address], expect=(-15,))
    return server, server.wait_log(r"listening on (\S+)").group(1)


def assert_tour(client):
    assert client.process.returncode == 0, client.log()
    shown = dict(re.findall(r"^ +(\w+) .* = (\S+)$", client.log(), re.MULTILINE))
    assert shown == LINES


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_client_tours_a_listening_server(place, client, kind):
    _, address = serve(place, "127.0.0.1:0" if kind == "tcp" else f"unix:{place.path}/calc.sock")
    assert_tour(place.run("client", client_command(client, address)))


def shovel(source, target):
    """Copies bytes until the source ends, and hands the end on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("client", CLIENTS)
def test_server_serves_an_inherited_descriptor_and_ends_with_it(place, client):
    ours, theirs = socket.socketpair()
    server = place.program("server", [harness.program_path("calculator-server")],
                           env={"VATMESH_FD": str(theirs.fileno())}, fds=(theirs.fileno(),))
    theirs.close()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place.path / "calc.sock"))
    listener.listen(1)
    listener.settimeout(harness.DEADLINE)

    def bridge():
        accepted, _ = listener.accept()
        back = threading.Thread(target=shovel, args=(ours, accepted))
        back.start()
        shovel(accepted, ours)
        back.join()
        accepted.close()

    thread = threading.Thread(target=bridge)
    thread.start()
    done = place.run("client", client_command(client, f"unix:{place.path}/calc.sock"))
    thread.join(harness.DEADLINE)
    ours.close()
    listener.close()
    assert_tour(done)
    assert server.wait() == 0


@pytest.mark.parametrize("client", CLIENTS)
def test_watch_sees_the_server_go_and_come_back(place, client):
    address = f"127.0.0.1:{harness.free_port()}"
    server, _ = serve(place, address)
    interval = "0.05" if client == "python" else "50"
    watch = place.program("watch", client_command(client, address, "--watch", interval),
                          expect=(-15,))
    watch.wait_log(r"call \d+: 6 \* 7 = 42")
    server.kill()
    lost = watch.wait_log(r"call (\d+): .*([Dd]isconnected|reset|refused|Connect call failed)")
    serve(place, address, "server-again")

    def back():
        return [n for n in re.findall(r"call (\d+): 6 \* 7 = 42", watch.log())
                if int(n) > int(lost.group(1))]
    harness.eventually(back, "calls work again")


@pytest.mark.needs("vatmesh-sidecar")
@pytest.mark.parametrize("client", CLIENTS)
def test_sample_configurations_carry_the_tour(place, client):
    peer, app = harness.free_port(), harness.free_port()
    folder = place.path / "calculator"
    folder.mkdir()
    for name in ("server.yaml", "client.yaml"):
        shutil.copy(EXAMPLE / name, folder)
    text = (folder / "server.yaml").read_text()
    assert text.count(":7000") == 1 and text.count(":5000") == 2  # one of them in a comment
    (folder / "server.yaml").write_text(text.replace(":7000", f":{peer}").replace(":5000", f":{app}"))
    serve(place, f"127.0.0.1:{app}")
    # The client's side first: its socket holds the client until the URI is there.
    for side in ("client", "server"):
        place.program(f"sidecar-{side}", [harness.program_path("vatmesh-sidecar"), "--config",
                                          folder / f"{side}.yaml"])
    local = folder / "run/calculator.sock"
    harness.eventually(local.exists, "the import's socket is there")
    assert_tour(place.run("client", client_command(client, f"unix:{local}")))


def test_client_says_why_it_fails_and_ends_with_1(place):
    done = place.run("client", client_command("c++", f"127.0.0.1:{harness.free_port()}"))
    assert done.process.returncode == 1
    assert "refused" in done.log()


@pytest.mark.parametrize("program", ["calculator-server", "calculator-client"])
def test_bad_usage_ends_with_64(place, program):
    done = place.run(program, [harness.program_path(program), "--nonsense"])
    assert done.process.returncode == 64
    assert "usage:" in done.log()
