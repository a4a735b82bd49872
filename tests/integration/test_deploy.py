# SPDX-License-Identifier: Apache-2.0
"""deploy/setup against a pretended system, and the helpers of deploy/quickstart."""

import hashlib
import os
import re
import shutil
import stat
import subprocess

import pytest

import harness

SETUP = harness.ROOT / "deploy/setup"
BUILD_PACKAGES = 16


class System:
    """A PATH with the real small tools and pretended dpkg-query, apt-get, id and sudo, which note
    how they are called."""

    def __init__(self, folder, lacking=(), user=0, sudo=None):
        self.folder, self.calls = folder, folder / "calls"
        folder.mkdir()
        self.calls.touch()
        for tool in ("bash", "dirname", "sed", "grep", "env", "cat", "true"):
            (folder / tool).symlink_to(shutil.which(tool))
        self.pretend("id", f"echo {user}")
        self.pretend("apt-get", f'echo "apt-get $*" >>"{self.calls}"')
        lacks = " ".join(f"-e {name}" for name in lacking) or "-e nothing"
        self.pretend("dpkg-query", 'while [ $# -gt 0 ]; do case "$1" in -*) ;; *) '
                     f'echo "$1" | grep -qxF {lacks} || echo "installed $1:amd64";; esac; shift; done')
        if sudo is not None:
            self.pretend("sudo", sudo)

    def pretend(self, name, script):
        path = self.folder / name
        path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def setup(self, *options, **environment):
        done = subprocess.run([SETUP, *options], env={"PATH": str(self.folder), **environment}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done, self.calls.read_text().splitlines()


def test_setup_does_nothing_when_all_is_there(tmp_path):
    done, calls = System(tmp_path / "bin", user=1000).setup()
    assert (done.returncode, calls) == (0, [])
    assert f"all {BUILD_PACKAGES} packages are installed" in done.stdout


def test_setup_installs_just_what_is_missing(tmp_path):
    done, calls = System(tmp_path / "bin", lacking=["capnproto", "libevent-dev"]).setup()
    assert done.returncode == 0, done.stderr
    assert [c.split(" -q", 1)[1] for c in calls] == [
        " update", "y install --no-install-recommends capnproto libevent-dev"]


def test_setup_options_add_their_packages(tmp_path):
    system = System(tmp_path / "bin", lacking=["haproxy", "clang-tidy-19"])
    assert system.setup()[1] == []
    assert system.setup("--bench")[1][-1].endswith("--no-install-recommends haproxy")
    assert system.setup("--lint")[1][-1].endswith("--no-install-recommends clang-tidy-19")


def test_setup_uses_sudo_when_it_is_not_root(tmp_path):
    done, calls = System(tmp_path / "bin", lacking=["ccache"], user=1000,
                         sudo='[ "$1" = -n ] && shift; exec "$@"').setup()
    assert done.returncode == 0, done.stderr
    assert len(calls) == 2


@pytest.mark.parametrize("sudo, why", [(None, "root or sudo"), ("exit 1", "password")])
def test_setup_says_what_it_needs_when_it_may_not_install(tmp_path, sudo, why):
    done, calls = System(tmp_path / "bin", lacking=["ccache"], user=1000, sudo=sudo).setup()
    assert (done.returncode, calls) == (1, [])
    assert why in done.stderr and "ccache" in done.stderr


def test_setup_check_installs_nothing(tmp_path):
    done, calls = System(tmp_path / "bin", lacking=["ccache"]).setup("--check")
    assert (done.returncode, calls) == (1, [])
    assert "missing packages: ccache" in done.stderr


def boringssl(script, cache, **environment):
    """What a piece of bash with the helpers of --boringssl=source says and ends with."""
    text = f'die() {{ echo "$*" >&2; exit 1; }}; . "$0"; {script}'
    return subprocess.run(["bash", "-euc", text, harness.ROOT / "deploy/boringssl.sh"], text=True,
                          capture_output=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "HOME": str(cache), **environment})


def crate(folder, content):
    """A crate in cargo's cache below `folder`."""
    path = folder / ".cargo/registry/cache/index"
    path.mkdir(parents=True)
    (path / "boring-sys-5.4.0.crate").write_bytes(content)
    return path / "boring-sys-5.4.0.crate"


def test_boringssl_lies_in_the_users_cache_named_after_its_content(tmp_path):
    printed = subprocess.run([SETUP, "--boringssl-root"], env={"PATH": os.environ["PATH"],
                             "HOME": str(tmp_path)}, capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(rf"{tmp_path}/\.cache/vatmesh/boringssl-5\.4\.0-[0-9a-f]{{12}}-\d+-\w+\n", printed)
    other = boringssl("boringssl_root", tmp_path, VATMESH_CACHE="/x").stdout
    assert other == printed.replace(f"{tmp_path}/.cache/vatmesh", "/x")


def test_a_source_of_boringssl_that_is_not_the_pinned_one_is_refused(tmp_path):
    path = crate(tmp_path, b"something else")
    done = boringssl("boringssl_fetch", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path} is not what is pinned (SHA-256 " in done.stderr


def test_a_source_of_boringssl_that_is_there_is_not_fetched_again(tmp_path):
    content = b"what is pinned"
    path = crate(tmp_path, content)
    done = boringssl(f"boringssl_sha256={hashlib.sha256(content).hexdigest()}; "
                     "cargo() { exit 9; }; boringssl_fetch", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{path}\n"), done.stderr


def test_a_network_that_is_away_is_named(tmp_path):
    done = boringssl("cargo() { return 101; }; boringssl_fetch", tmp_path)
    assert done.returncode == 1
    assert "could not fetch boring-sys 5.4.0; is the network reachable?" in done.stderr


def test_setup_asks_for_a_cargo_only_where_none_can_fetch(tmp_path):
    system = System(tmp_path / "bin", lacking=["cargo-web"])
    for tool in ("find", "head", "uname"):
        (system.folder / tool).symlink_to(shutil.which(tool))
    old, new = "exit 101", "exit 0"
    for cargo, wanted in ((old, True), (new, False)):
        system.pretend("cargo", cargo)
        done, _ = system.setup("--boringssl=source", "--check", HOME=str(tmp_path))
        assert done.returncode == 1
        assert ("missing packages: cargo-web" in done.stderr) == wanted
        assert ("BoringSSL 5.4.0 is not in" in done.stderr) != wanted


@pytest.mark.parametrize("program", ["setup", "quickstart"])
def test_unknown_options_end_with_64(program):
    done = subprocess.run([harness.ROOT / "deploy" / program, "--nonsense"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 64
    assert "usage:" in done.stderr


def helper(script, *arguments):
    """The output of a piece of bash that has the quickstart's helpers."""
    text = f'patience=5 place=/nowhere; . "$0"; {script}'
    return subprocess.run(["bash", "-euc", text, harness.ROOT / "deploy/quickstart.sh", *arguments],
                          capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("uri, shown", [
    ("capnp://sha-256:abcdefghijKLMNOP@127.0.0.1:7000/sEcReT", "capnp://sha-256:abcdefghij…@127.0.0.1:7000/…"),
    ("capnp://sha-256:abcdefghijKLMNOP@[::1]:7000/sEc/ReT", "capnp://sha-256:abcdefghij…@[::1]:7000/…"),
])
def test_quickstart_shows_a_uri_without_its_secret(tmp_path, uri, shown):
    (tmp_path / "a.cap").write_text(uri + "\n")
    assert helper('redacted "$1"', tmp_path / "a.cap") == shown + "\n"


def test_quickstart_finds_ports_that_nobody_listens_on():
    for port in helper("for i in 1 2 3 4 5; do free_port; done").split():
        assert re.fullmatch(r"\d+", port) and 20000 <= int(port) < 32768
        with pytest.raises(OSError):
            harness.connect(f"127.0.0.1:{port}", timeout=5)
