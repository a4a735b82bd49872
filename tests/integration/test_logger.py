# SPDX-License-Identifier: Apache-2.0
"""The logger example: its loggers are saved under URIs of their own, and found again after restarts of
both sides, until they are taken back. The C++ and the Python programs say the same."""

import importlib.util
import re
import shutil
import subprocess
import sys

import harness
import pytest

pytestmark = pytest.mark.needs("vatmesh-sidecar", "vatmesh", "logger-server", "logger-client")

EXAMPLE = harness.ROOT / "deploy/examples/logger"

needs_pycapnp = pytest.mark.skipif(importlib.util.find_spec("capnp") is None,
                                   reason="pycapnp is not installed: deploy/setup --python")
LANGUAGES = ["c++", pytest.param("python", marks=needs_pycapnp)]


def command(language, what):
    if language == "python":
        return [sys.executable, str(EXAMPLE / f"{what}.py")]
    return [str(harness.program_path(f"logger-{what}"))]


class World:
    """A server beside its sidecar, and a client's sidecar, which may be stopped and started again."""

    def __init__(self, place, server="c++", client="c++"):
        self.place, self.server, self.client = place, server, client
        self.address = f"tcp:127.0.0.1:{harness.free_port()}"
        self.runs = 0

    def start(self):
        self.there = self.place.sidecar("there", {
            "key": "vat.key", "listen": self.address,
            "app": {"run": [*command(self.server, "server"), str(self.place.path / "book")],
                    "interface": "application"},
            "store": "sqlite:refs.db", "exports": {"loggers": {"capFile": "loggers.cap"}}},
            expect=(0, 143))
        self.here = self.place.sidecar("here", {
            "key": "vat.key", "imports": {
                name: {"uri": str(file), "socket": f"unix:{name}.sock"} for name, file in
                [("loggers", self.there.folder / "loggers.cap"), ("alice", self.alice)]}})
        return self

    @property
    def alice(self):
        return self.place.path / "alice.cap"

    def stop(self):
        self.here.stop()
        self.there.stop()

    def kill(self):
        """With the server, whose sidecar can't end it any more; it notices by itself."""
        self.there.kill()
        self.here.kill()

    def run(self, name, *words):
        """How the client ended, and what it said."""
        self.runs += 1
        done = self.place.run(f"client{self.runs}", [*command(self.client, "client"),
                                                     self.here.socket(f"{name}.sock"), *words])
        return done.process.returncode, done.log().strip()

    def says(self, name, *words):
        code, said = self.run(name, *words)
        assert code == 0, said
        return said

    def refs(self, *words):
        done = subprocess.run([harness.program_path("vatmesh"), "refs", *words, "--config",
                               self.there.folder / "sidecar.yaml"], capture_output=True, text=True,
                              timeout=harness.DEADLINE)
        assert done.returncode == 0, done.stderr
        return done.stdout


def save_alice(world):
    assert world.says("loggers", "sub", "alice", str(world.alice)) == f"saved alice as {world.alice}"
    return world.alice.read_text().strip()


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("client", LANGUAGES)
@pytest.mark.parametrize("server", LANGUAGES)
def test_a_saved_logger_is_found_again_after_a_restart_of_both_sides(place, server, client, how):
    world = World(place, server, client).start()
    assert world.says("loggers", "log", "anybody") == "root: line 1"
    uri = save_alice(world)
    assert world.says("alice", "log", "one") == "root/alice: line 1"
    getattr(world, how)()
    world.start()
    assert world.says("alice", "log", "two") == "root/alice: line 2"
    assert world.says("loggers", "log", "anybody") == "root: line 2"
    # Saved again, it is the same one.
    assert save_alice(world) == uri


@pytest.mark.parametrize("client", LANGUAGES)
@pytest.mark.parametrize("server", LANGUAGES)
def test_a_server_that_is_dialled_for_each_peer_serves_peers_without_tls_as_well(place, server, client):
    """No sidecar at the client's side: it asks for the public id of stock clients."""
    socket = place.path / "server.sock"
    place.program("server", [*command(server, "server"), str(place.path / "book"), f"unix:{socket}"],
                  expect=(-15,)).wait_log("listening on")
    port = harness.free_port()
    vat = place.sidecar("there", {
        "key": "vat.key", "store": "memory",
        "listen": {"address": f"tcp:127.0.0.1:{port}", "tls": "off"},
        "app": {"dial": f"unix:{socket}", "interface": "application"},
        "exports": {"loggers": {"id": {"public": ""}}}})
    alice = place.path / "alice.cap"

    def run(name, *words):
        done = place.run(name, [*command(client, "client"), f"127.0.0.1:{port}", *words])
        assert done.process.returncode == 0, done.log()
        return done.log().strip()
    assert run("log", "log", "hello") == "root: line 1"
    run("sub", "sub", "alice", str(alice))
    uri = alice.read_text().strip()
    assert uri.startswith(f"capnp://insecure@127.0.0.1:{port}/")
    here = place.sidecar("here", {"imports": {"alice": {"uri": str(alice), "socket": "unix:alice.sock"}}})
    done = place.run("again", [*command(client, "client"), here.socket("alice.sock"), "log", "hello"])
    assert done.log().strip() == "root/alice: line 1"
    assert uri.rsplit("/", 1)[1] not in vat.log()


@needs_pycapnp
def test_either_server_finds_what_the_other_made(place):
    world = World(place, "c++", "python").start()
    save_alice(world)
    world.says("alice", "log", "in C++")
    world.stop()
    world.server = "python"
    world.start()
    assert world.says("alice", "log", "in Python") == "root/alice: line 2"
    world.stop()
    world.server = "c++"
    world.start()
    assert world.says("alice", "log", "in C++ again") == "root/alice: line 3"


def test_a_revoked_logger_is_gone_and_the_others_are_not(place):
    world = World(place).start()
    uri = save_alice(world)
    assert world.says("alice", "log", "one") == "root/alice: line 1"
    listed = world.refs("list")
    assert "root/alice" in listed
    world.refs("revoke", str(world.alice))

    def refused():
        code, said = world.run("alice", "log", "too late")
        return code == 1 and said
    said = harness.eventually(refused, "alice's logger is cut off")
    assert "Unknown persistent service ID" in said or "revoked" in said, said
    assert world.says("loggers", "log", "still there") == "root: line 1"
    assert "root/alice" not in world.refs("list")
    # What is saved again is another ref. The import reads it as soon as the file has changed.
    assert save_alice(world) != uri
    said = harness.eventually(lambda: says_well(world), "the new reference is used")
    assert re.fullmatch(r"root/alice: line [2-9]", said)


def says_well(world):
    code, said = world.run("alice", "log", "again")
    return code == 0 and said


def test_what_nobody_saved_and_what_is_no_label_is_refused(place):
    world = World(place).start()
    code, said = world.run("loggers", "sub", "a/b", str(world.alice))
    assert code == 1 and "a label has" in said
    assert not world.alice.exists()


@pytest.mark.parametrize("client", LANGUAGES)
def test_sample_configurations_keep_loggers(place, client):
    folder = place.path / "logger"
    (folder / "run").mkdir(parents=True)
    for name in ("server.yaml", "client.yaml"):
        shutil.copy(EXAMPLE / name, folder)
    text = (folder / "server.yaml").read_text()
    for old, new in [(":7000", f":{harness.free_port()}"),
                     ("../../../build/release/bin/logger-server", str(harness.program_path("logger-server"))),
                     ("deploy/examples/logger/run/loggers.txt,", ""),
                     ("deploy/examples/logger/run/loggers.txt", str(folder / "run/loggers.txt"))]:
        assert old in text or old.endswith(","), old
        text = text.replace(old, new)
    (folder / "server.yaml").write_text(text)
    sidecar = harness.program_path("vatmesh-sidecar")
    place.program("client-sidecar", [sidecar, "--config", folder / "client.yaml"])
    place.program("server-sidecar", [sidecar, "--config", folder / "server.yaml"], expect=(0, 143))

    def run(name, words):
        address = f"unix:{folder}/run/{words[0]}.sock"
        harness.eventually(lambda: listens(address), "the socket is there")
        done = place.run(name, [*command(client, "client"), address, *words[1:]])
        assert done.process.returncode == 0, done.log()
        return done.log().strip()
    assert run("log", ["loggers", "log", "hello"]) == "root: line 1"
    run("sub", ["loggers", "sub", "alice", str(folder / "run/alice.cap")])
    assert run("alice", ["alice", "log", "hello"]) == "root/alice: line 1"


def listens(address):
    try:
        harness.connect(address).close()
        return True
    except OSError:
        return False
