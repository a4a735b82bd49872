# SPDX-License-Identifier: Apache-2.0
"""`vatmesh call` as a process: the sidecar that it runs, and what a terminal shows meanwhile."""

import contextlib
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

import harness
from caller import SHOP, Caller, ShopCaller, fails

pytestmark = pytest.mark.needs("vatmesh", "vatmesh-sidecar", "shop-server")


@pytest.fixture
def shop(place):
    return ShopCaller(place)


def children(pid):
    """The processes that `pid` started and that live."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            if f"\nPPid:\t{pid}\n" in text and "\nState:\tZ" not in text:
                found.append(int(status.parent.name))
    return found


# ---- the sidecar that it runs

def test_no_uri_stands_in_any_arguments_and_no_process_stays(shop):
    with subprocess.Popen(shop.argv("--schema", SHOP, "Shop.hang"), cwd=shop.folder) as call:
        shop.server.wait_log("hanging")
        started = children(call.pid)
        assert len(started) == 1
        for pid in (call.pid, *started):
            assert shop.secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        call.kill()
    for pid in started:
        harness.eventually(lambda pid=pid: not running(pid), "the sidecar of the killed command ends")


def running(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_other_users_of_the_host_find_no_socket_to_use(shop):
    with subprocess.Popen(shop.argv("--schema", SHOP, "Shop.hang"), cwd=shop.folder) as call:
        shop.server.wait_log("hanging")
        names = re.findall(r"@(vatmesh-call-\S+)", Path("/proc/net/unix").read_text())
        assert names
        if os.getuid() == 0:
            code = ("import os, socket, sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
                    "s.connect('\\0' + sys.argv[1])\nassert s.recv(1) == b''\n")
            subprocess.run(["/usr/bin/python3", "-c", code, names[0]], check=True,
                           timeout=harness.DEADLINE, cwd="/")
        call.kill()


@pytest.mark.parametrize("descriptor", ["0", "2", "99", "x", "-1"])
def test_the_sidecar_refuses_to_tell_a_descriptor_that_is_none(place, descriptor):
    done = subprocess.run([harness.program_path("vatmesh-sidecar"), "--config", "-", "--ready-fd",
                           descriptor], input="imports:\n", capture_output=True, text=True,
                          timeout=harness.DEADLINE)
    assert done.returncode == 64
    assert f'--ready-fd "{descriptor}" is no open descriptor above 2' in done.stderr


# ---- progress

class Terminal:
    """A command whose standard error is a terminal."""

    def __init__(self, argv, folder, term="xterm"):
        ours, theirs = pty.openpty()
        self.fd, self.text = ours, ""
        self.process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=theirs,
                                        stdin=subprocess.DEVNULL, env=dict(os.environ, TERM=term))
        os.close(theirs)

    def read(self, wanted=None):
        """Reads until the pattern `wanted` is there, or to the end."""
        end = time.monotonic() + harness.DEADLINE
        while wanted is None or not re.search(wanted, self.text):
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise harness.Failure(f"the terminal shows no {wanted!r}: {self.text!r}")
            try:
                data = os.read(self.fd, 4096)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                assert wanted is None, f"ended without {wanted!r}: {self.text!r}"
                break
            self.text += data.decode(errors="replace")
        return self.text

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        os.close(self.fd)


@pytest.fixture
def silent(place):
    """A cap file of a vat that accepts connections and says nothing."""
    listener = harness.close_later(harness.socket.create_server(("127.0.0.1", 0)))
    port = listener.getsockname()[1]
    call = Caller(place, f"capnp://sha-256:{'A' * 43}@127.0.0.1:{port}/c2VjcmV0c2VjcmV0c2VjcmV0")
    call.port = port
    return call


def test_progress_is_shown_on_a_terminal_and_taken_away(silent):
    terminal = Terminal(silent.argv("--save", "--timeout", "4s"), silent.folder)
    try:
        terminal.read(rf"connecting to tcp:127\.0\.0\.1:{silent.port} … [1-4] s")
        text = terminal.read()
        assert terminal.process.wait(harness.DEADLINE) == 69
        assert silent.secret not in text
        # The line is cleared before the error is written.
        assert text.endswith("\r\x1b[Kvatmesh: connecting to tcp:127.0.0.1:"
                             f"{silent.port}: no answer within 4s; --timeout gives it more time\r\n")
    finally:
        terminal.close()


def test_progress_names_the_method_while_it_runs(shop):
    terminal = Terminal(shop.argv("--schema", SHOP, "Shop.hang"), shop.folder)
    try:
        terminal.read(r"calling hang … \d+ s")
    finally:
        terminal.close()


def test_a_quick_answer_shows_no_progress(shop):
    terminal = Terminal(shop.argv("--schema", SHOP, "Shop.openDrawer"), shop.folder)
    try:
        # On a slow machine something may be shown; then it is gone in the end.
        text = terminal.read()
        assert text == "" or text.endswith("\r\x1b[K")
        assert terminal.process.stdout.read() == b"(drawer = <Drawer>)\n"
    finally:
        terminal.close()


def test_without_a_terminal_there_is_no_progress(silent):
    fails(silent("--save", "--timeout", "1s"), 69, f"connecting to tcp:127.0.0.1:{silent.port}: no "
          "answer within 1s; --timeout gives it more time")
    terminal = Terminal(silent.argv("--save", "--timeout", "1s"), silent.folder, term="dumb")
    try:
        assert terminal.read().startswith("vatmesh: connecting to ")
    finally:
        terminal.close()
