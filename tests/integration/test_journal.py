# SPDX-License-Identifier: Apache-2.0
"""The journal of a live sidecar: written when the configuration asks for it, without secrets, and
replayed by vatmesh-fuzz."""

import re
import subprocess

import front as f
import harness
import pytest
import rawwire as w
import topology

pytestmark = pytest.mark.needs("vatmesh-sidecar", "probe-server", "vatmesh-fuzz")

ID = "swordfish"
TEXT = "still here"  # what Client.echo says


def recorded(place, **debug):
    """A sidecar with a journal in front of an application, and a client of it."""
    address = topology.one(place, topology.App(place, "cpp-tcp"),
                           debug={"journal": "vat.journal", **debug})
    sidecar = next(p for p in place.started if p.name == "inbound")
    return sidecar, f.Client(address)


def served(place, **debug):
    """A sidecar that was asked some things, ended; its journal."""
    sidecar, client = recorded(place, **debug)
    client.echo()
    client.item()
    client.send(w.bootstrap(77, w.Text(ID)))
    assert client.returned(77).how == "exception"
    sidecar.stop()
    return sidecar.folder / "vat.journal"


def replay(journal):
    return subprocess.run([str(harness.program_path("vatmesh-fuzz")), "--journal", str(journal)],
                          capture_output=True, text=True, timeout=harness.DEADLINE)


def test_a_journal_is_private_and_replays(place):
    journal = served(place)
    assert journal.stat().st_mode & 0o777 == 0o600
    replayed = replay(journal)
    assert replayed.returncode == 0, replayed.stdout
    assert re.search(r"\d+ inputs: all is well\n$", replayed.stdout)
    # Each input with what it led to: the call came from the peer and went to the application.
    assert re.search(r"^link \d+\.\d+ -> vat  Call q=", replayed.stdout, re.M)
    assert re.search(r"^    vat -> link \d+\.\d+  Call q=", replayed.stdout, re.M)
    assert "Bootstrap q=77 with id" in replayed.stdout


def test_the_journal_of_the_start_before_is_kept(place):
    """Else whoever restarts what has gone wrong loses what would tell why."""
    journal = served(place)
    before = journal.read_bytes()
    inbound = next(p for p in place.started if p.name == "inbound")
    place.sidecar("inbound", {**inbound.config, "admin": True}).stop()
    kept = journal.with_name("vat.journal.1")
    assert kept.read_bytes() == before and replay(kept).returncode == 0
    assert journal.stat().st_size < len(before)  # nobody came


def test_missing_folders_of_a_journal_are_made(place):
    sidecar, client = recorded(place, journal="run/debug/vat.journal")
    client.echo()
    sidecar.stop()
    assert replay(sidecar.folder / "run/debug/vat.journal").returncode == 0


def test_a_journal_has_no_secret_and_no_payload(place):
    content = served(place).read_bytes()
    assert ID.encode() not in content
    # Words without zeros stand there whole.
    assert TEXT[:8].encode() not in content


def test_payloads_are_recorded_when_asked_for_and_ids_never(place):
    journal = served(place, payloads=True)
    content = journal.read_bytes()
    assert TEXT[:8].encode() in content
    assert ID.encode() not in content
    assert replay(journal).returncode == 0


def test_a_full_journal_ends_and_replays_up_to_there(place):
    sidecar, client = recorded(place, limit="64KiB")

    def full():
        for _ in range(100):
            client.echo()
        return "vat.journal is full: the journal ends here" in sidecar.log()
    harness.eventually(full, "the journal is full")
    client.echo()
    journal = sidecar.folder / "vat.journal"
    assert journal.stat().st_size <= 64 * 1024
    replayed = replay(journal)
    assert replayed.returncode == 0
    assert "then the journal was full: all is well" in replayed.stdout


def test_a_journal_that_is_cut_off_replays_up_to_there(place):
    journal = served(place)
    content = journal.read_bytes()
    journal.write_bytes(content[:len(content) * 2 // 3])
    replayed = replay(journal)
    assert replayed.returncode == 0, replayed.stdout
    assert re.search(r"\d+ inputs(, then the journal is cut off)?: all is well", replayed.stdout)


def test_another_file_is_never_taken_for_a_journal(place):
    folder = place.path / "failing"
    folder.mkdir()
    (folder / "vat.key").write_text("precious")
    sidecar = place.sidecar("failing", {
        "imports": {"x": {"uri": "x.cap", "socket": "unix:x.sock"}},
        "debug": {"journal": "vat.key"}}, ready=False, expect=(64,))
    assert sidecar.wait() == 64
    assert "vat.key has another content and is left alone" in sidecar.log()
    assert (folder / "vat.key").read_text() == "precious"
