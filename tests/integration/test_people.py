# SPDX-License-Identifier: Apache-2.0
"""Programs that use their sidecar: the example of Alice and Bob, in both languages on either side."""

import base64
import importlib.util
import os
import re
import stat
import sys

import pytest

import harness

pytestmark = pytest.mark.needs("vatmesh-sidecar", "people-host", "people-visitor")

EXAMPLE = harness.ROOT / "deploy/examples/people"
needs_pycapnp = pytest.mark.skipif(importlib.util.find_spec("capnp") is None,
                                   reason="pycapnp is not installed: deploy/setup --python")
LANGUAGES = ["c++", pytest.param("python", marks=needs_pycapnp)]


def command(program, language, *arguments):
    if language == "python":
        return [sys.executable, EXAMPLE / f"{program}.py", *arguments]
    return [harness.program_path(f"people-{program}"), *arguments]


class Houses:
    """The sidecars of the example, in a folder of their own."""

    def __init__(self, place):
        self.place = place
        self.folder = place.path / "people"
        self.folder.mkdir()
        port = harness.free_port()
        for name in ("host.yaml", "visitor.yaml"):
            text = (EXAMPLE / name).read_text()
            (self.folder / name).write_text(text.replace(":7100", f":{port}"))
        self.host = self.sidecar("host")
        self.visitor = self.sidecar("visitor")
        harness.eventually(lambda: all(map(os.path.exists, map(self.path, (
            "host.sock", "app.sock", "visitor.sock", "door.cap")))), "the sockets are there")

    def sidecar(self, name):
        return self.place.program(f"sidecar-{name}", [harness.program_path("vatmesh-sidecar"),
                                                      "--config", self.folder / f"{name}.yaml"])

    def path(self, name):
        return self.folder / "run" / name

    def start_host(self, language, *arguments, name="host", expect=(-15,)):
        host = self.place.program(name, command("host", language, *arguments), expect=expect)
        host.wait_log("at home")
        return host

    def visit(self, language, *whom, code=0):
        done = self.place.run(f"visitor-{len(self.place.started)}",
                              command("visitor", language, f"unix:{self.path('visitor.sock')}", *whom))
        assert done.process.returncode == code, done.log()
        return done.log()


@pytest.fixture
def houses(place):
    return Houses(place)


@pytest.mark.parametrize("visitor", LANGUAGES)
@pytest.mark.parametrize("host", LANGUAGES)
@pytest.mark.parametrize("socket", ["host.sock", "app.sock"])
def test_two_objects_are_exported_while_their_program_runs(houses, host, visitor, socket):
    live = houses.path("live")
    program = houses.start_host(host, "export", f"unix:{houses.path(socket)}", live)
    caps = [live / "alice.cap", live / "bob.cap"]
    assert all(stat.S_IMODE(cap.stat().st_mode) == 0o600 for cap in caps)
    log = houses.visit(visitor, *caps)
    assert f"{caps[0]}: alice greets the visitor\n" in log
    assert f"{caps[1]}: bob greets the visitor\n" in log
    program.stop()
    log = houses.visit(visitor, *caps, code=1)
    assert len(re.findall(r"failed: Unknown persistent service ID", log)) == 2, log


@pytest.mark.parametrize("visitor", LANGUAGES)
@pytest.mark.parametrize("host", LANGUAGES)
def test_an_application_that_dials_in_serves_objects_by_name_and_by_peer(houses, host, visitor):
    caps = [houses.path("alice.cap"), houses.path("bob.cap")]
    program = houses.start_host(host, "serve", f"unix:{houses.path('app.sock')}")
    log = houses.visit(visitor, *caps, "door")
    assert f"{caps[0]}: alice greets the visitor\n" in log
    assert f"{caps[1]}: bob greets the visitor\n" in log
    # The visitor's sidecar made a key of its own, which the host has seen.
    key = houses.visitor.wait_log(r"this vat is sha-256:(\S+)").group(1)
    seen = re.search(r"door: the door, seeing key ([0-9a-f]{8}), greets the visitor\n", log)
    assert seen and seen.group(1) == base64.urlsafe_b64decode(key + "=")[:4].hex(), log

    program.stop()
    assert "failed: the application is not connected" in houses.visit(visitor, caps[0], code=1)
    houses.start_host(host, "serve", f"unix:{houses.path('app.sock')}", name="host-again")
    assert "alice greets" in houses.visit(visitor, caps[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_say_why_they_fail(houses, language):
    log = houses.visit(language, "nobody", code=1)
    assert 'nobody: failed: lookup: the configuration has no import "nobody"' in log
    assert re.search(r"gone\.cap: failed: .", houses.visit(language, houses.path("gone.cap"), code=1))
    # No application has called serve yet.
    assert "not connected" in houses.visit(language, houses.path("alice.cap"), code=1)
    done = houses.place.run("host-without-a-store", command(
        "host", language, "serve", f"unix:{houses.path('host.sock')}"))
    assert done.process.returncode == 1
    assert "serve: only an application's own connection" in done.log()


@pytest.mark.parametrize("program", ["host", "visitor"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_bad_usage_ends_with_64(place, program, language):
    done = place.run(program, command(program, language, "--nonsense"))
    assert done.process.returncode == 64
    assert "usage:" in done.log()


def test_the_readme_names_the_sockets_of_the_configurations():
    readme = (EXAMPLE / "README.md").read_text()
    configured = (EXAMPLE / "host.yaml").read_text() + (EXAMPLE / "visitor.yaml").read_text()
    named = set(re.findall(r"unix:run/\w+\.sock", readme))
    assert named and named <= set(re.findall(r"unix:run/\w+\.sock", configured))
