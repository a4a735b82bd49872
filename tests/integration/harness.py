# SPDX-License-Identifier: Apache-2.0
"""What the integration tests stand on: processes, folders and waiting.

A `Place` is a temporary folder with everything that was started in it. When it closes, each
program gets SIGTERM, and a program that does not end cleanly, ends with another code than it
should, or left a sanitizer report in its log, fails the test. Every wait has a deadline and
watches for an event; nothing sleeps for a fixed time and hopes.
"""

import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "peers"
# Sanitizer builds on a small busy machine are slow; the deadlines only bound a failure.
DEADLINE = float(os.environ.get("VATMESH_TEST_DEADLINE", "60"))
SANITIZER = re.compile(
    r"ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|WARNING: ThreadSanitizer"
    r"|AddressSanitizer:DEADLYSIGNAL|SUMMARY: \w*Sanitizer")


class Failure(AssertionError):
    """A program or a wait did not do what the test needs."""


def bin_folder():
    """The folder of the programs under test: VATMESH_BIN, else the newest build of this tree."""
    named = os.environ.get("VATMESH_BIN")
    if named:
        return Path(named).resolve()
    built = [p for p in ROOT.glob("build/*/bin") if (p / "probe-server").exists()]
    return max(built, key=lambda p: p.stat().st_mtime) if built else ROOT / "build/dev/bin"


def program_path(name):
    return bin_folder() / name


def boringssl(programs=None):
    """Which BoringSSL the programs in that folder were built with: "system" or "source"."""
    cache = (programs or bin_folder()).parent / "CMakeCache.txt"
    found = re.search(r"^VATMESH_BORINGSSL:\w+=(\w+)$", cache.read_text(), re.M)
    return found.group(1) if found else "system"


def eventually(check, what, timeout=None, every=0.02):
    """Calls `check` until it gives something true, which is returned; fails after `timeout` s."""
    end = time.monotonic() + (timeout or DEADLINE)
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {timeout or DEADLINE:g} s")
        time.sleep(every)


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago, for what can't be asked which port it was given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


# What a test opened in its own process; it is closed with its Place.
_opened = []


def close_later(thing):
    """Closes `thing` at the end of the test; gives it back."""
    _opened.append(thing)
    return thing


def connect(address, timeout=None):
    """A blocking socket connected to `HOST:PORT`, `unix:PATH` or `unix-abstract:NAME` (also with
    a leading `tcp:`)."""
    address = address.removeprefix("tcp:")
    if address.startswith("unix-abstract:"):
        s, where = socket.socket(socket.AF_UNIX), "\0" + address[len("unix-abstract:"):]
    elif address.startswith("unix:"):
        s, where = socket.socket(socket.AF_UNIX), address[len("unix:"):]
    else:
        host, port = address.rsplit(":", 1)
        host = host.strip("[]")
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        where = (host, int(port))
    s.settimeout(timeout or DEADLINE)
    try:
        s.connect(where)
        if s.family != socket.AF_UNIX:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        s.close()
        raise
    return close_later(s)


def uri_place(uri):
    """Where the vat of `uri` listens, in the form that `connect` takes."""
    place = uri.split("@", 1)[1]
    if place.startswith("/"):
        return "unix:" + place.rsplit("/", 1)[0]
    return place.split("/", 1)[0]


class Program:
    """One child process. Its two outputs go to one log file. `descriptors` are its soft and hard
    limit of open files."""

    def __init__(self, name, argv, folder, env=None, fds=(), expect=(0,), descriptors=None):
        self.name, self.folder, self.expect = name, Path(folder), expect
        self.log_path = self.folder / f"{name}.log"
        self.checked = False
        full = dict(os.environ, **(env or {}))
        full.setdefault("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=0")
        full.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(a) for a in argv], cwd=self.folder, env=full, pass_fds=fds,
                preexec_fn=descriptors and (
                    lambda: resource.setrlimit(resource.RLIMIT_NOFILE, descriptors)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def wait_log(self, pattern, timeout=None):
        """The match of `pattern` in the log, once it is there. Fails at once if the program ended."""
        def look():
            ended = not self.running()
            found = re.search(pattern, self.log())
            if not found and ended:
                raise Failure(f"{self.name} ended ({self.process.returncode}) before it logged "
                              f"/{pattern}/:\n{self.log()}")
            return found
        try:
            return eventually(look, f"{self.name} logs /{pattern}/", timeout)
        except Failure as why:
            raise Failure(f"{why}\n--- {self.name}\n{self.log()[-4000:]}") from None

    def wait(self, timeout=None):
        """Its exit code, once it ended by itself."""
        try:
            return self.process.wait(timeout or DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {timeout or DEADLINE:g} s:\n"
                          f"{self.log()[-4000:]}") from None

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL; the exit code is then no matter."""
        self.checked = True
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=None):
        """SIGTERM, waits, and checks the end."""
        if self.running():
            self.signal(signal.SIGTERM)
        try:
            self.process.wait(timeout or DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not end on SIGTERM:\n{self.log()[-4000:]}") from None
        self.check()

    def check(self):
        """Fails unless it ended with an expected code and without a sanitizer report."""
        if self.checked:
            return
        self.checked = True
        log = self.log()
        if SANITIZER.search(log):
            raise Failure(f"{self.name}: sanitizer report\n{log[-12000:]}")
        if self.expect is not None and self.process.returncode not in self.expect:
            raise Failure(f"{self.name} ended with {self.process.returncode}, expected one of "
                          f"{self.expect}:\n{log[-4000:]}")


class Sidecar(Program):
    """A vatmesh-sidecar with a folder of its own, `PLACE/NAME`, in which `config` is written."""

    def __init__(self, place, name, config, program=None, **options):
        folder = place.path / name
        folder.mkdir(exist_ok=True)
        self.config = dict(config)
        self.admin = None
        if self.config.get("admin", True) is True:  # `admin: None` starts it without
            self.admin = f"127.0.0.1:{free_port()}"
            self.config["admin"] = f"tcp:{self.admin}"
        self.config = {k: v for k, v in self.config.items() if v is not None}
        # JSON is YAML.
        (folder / "sidecar.yaml").write_text(json.dumps(self.config, indent=1) + "\n")
        super().__init__(name, [program or program_path("vatmesh-sidecar"), "--config", "sidecar.yaml"],
                         folder, **options)

    def get(self, path, timeout=5):
        """Status and text of one admin page."""
        host, port = self.admin.split(":")
        c = http.client.HTTPConnection(host, int(port), timeout=timeout)
        try:
            c.request("GET", path)
            answer = c.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            c.close()

    def metric(self, name):
        """Sum over all series of `name` at /metrics."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            found = re.match(re.escape(name) + r"(\{.*\})? ([-+0-9.eE]+)$", line)
            total += float(found.group(2)) if found else 0
        return total

    def wait_ready(self, timeout=None):
        def look():
            if not self.running():
                raise Failure(f"{self.name} ended ({self.process.returncode}) before it was "
                              f"ready:\n{self.log()[-4000:]}")
            try:
                return self.get("/readyz")[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        try:
            eventually(look, f"{self.name} is ready", timeout, every=0.05)
        except Failure as why:
            raise Failure(f"{why}\n{self.log()[-4000:]}") from None
        return self

    def cap(self, name, timeout=None):
        """The URI in the cap file `name`, once it was written."""
        path = self.folder / name
        eventually(lambda: path.exists() or not self.running(), f"{path} is written", timeout)
        if not path.exists():
            raise Failure(f"{self.name} ended without {name}:\n{self.log()[-4000:]}")
        return path.read_text().strip()

    def socket(self, name):
        """`unix:PATH` of a socket in its folder, for programs that run elsewhere."""
        return f"unix:{self.folder / name}"

    def mapped(self):
        """The names of the files that are mapped into it."""
        maps = Path(f"/proc/{self.pid}/maps").read_text()
        return {line.split(None, 5)[5] for line in maps.splitlines() if len(line.split(None, 5)) == 6}


class Place:
    """A temporary folder and what runs in it; see the head of this file."""

    def __init__(self):
        # Short, since the path of a Unix socket has at most 107 bytes.
        self.path = Path(tempfile.mkdtemp(prefix="vm-"))
        self.started = []

    def program(self, name, argv, **options):
        p = Program(name, argv, options.pop("folder", self.path), **options)
        self.started.append(p)
        return p

    def sidecar(self, name, config, ready=True, **options):
        """Starts a sidecar and, unless told not to, waits until it is ready."""
        s = Sidecar(self, name, config, **options)
        self.started.append(s)
        return s.wait_ready() if ready else s

    def run(self, name, argv, timeout=None, **options):
        """Runs a program to its end; gives it back for its code and log."""
        p = self.program(name, argv, expect=None, **options)
        p.wait(timeout)
        p.check()
        return p

    def close(self, failed=False):
        """Stops everything, last started first, and removes the folder unless something is wrong."""
        # A sidecar grants a peer that is silent at the end a moment to hang up; none here needs it.
        while _opened:
            _opened.pop().close()
        wrong = []
        for p in reversed(self.started):
            try:
                p.stop()
            except Failure as why:
                wrong.append(str(why))
        if wrong or failed:
            for p in self.started:
                print(f"--- {p.name} ({p.process.returncode})\n{p.log()[-3000:]}", file=sys.stderr)
        shutil.rmtree(self.path, ignore_errors=True)
        if wrong:
            raise Failure("\n".join(wrong))
