# SPDX-License-Identifier: Apache-2.0
"""What the tests of `vatmesh call` share: a Shop behind a sidecar, and someone who calls it."""

import signal
import subprocess
from pathlib import Path

import harness

SHOP = Path(__file__).parents[1] / "peers" / "shop.capnp"


class Caller:
    """Runs `vatmesh call shop.cap`, in a folder with that file, and looks for leaked secrets."""

    def __init__(self, place, cap):
        self.place, self.folder = place, place.path
        (self.folder / "shop.cap").write_text(cap + "\n")
        self.secret = cap.rsplit("/", 1)[1]
        assert len(self.secret) > 20

    def argv(self, *words, cap="shop.cap"):
        return [str(harness.program_path("vatmesh")), "call", cap, *map(str, words)]

    def __call__(self, *words, cap="shop.cap", **more):
        done = subprocess.run(self.argv(*words, cap=cap), cwd=self.folder, capture_output=True,
                              text=True, timeout=harness.DEADLINE, **more)
        assert not harness.SANITIZER.search(done.stderr), done.stderr
        assert self.secret not in done.stderr
        return done

    def method(self, *words, **more):
        return self("--schema", SHOP, *words, **more)


class ShopCaller(Caller):
    """One whose cap file is that of a Shop behind a sidecar; `saved` is what its objects save."""

    def __init__(self, place):
        self.saved = place.path / "saved"
        self.server = place.program("shop", [harness.program_path("shop-server"),
                                             f"unix:{place.path}/shop.sock", self.saved],
                                    expect=(-signal.SIGTERM,))
        self.server.wait_log("listening")
        self.sidecar = place.sidecar("b", {"key": "vat.key", "listen": "tcp:127.0.0.1:0",
                                           "app": f"unix:{place.path}/shop.sock",
                                           "exports": {"shop": {"capFile": "shop.cap"}}})
        super().__init__(place, self.sidecar.cap("shop.cap"))


def answers(done, text):
    assert (done.returncode, done.stdout, done.stderr) == (0, text + "\n", "")


def fails(done, code, text):
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"vatmesh: {text}\n")
