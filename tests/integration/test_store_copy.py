# SPDX-License-Identifier: Apache-2.0
"""`vatmesh store copy`: all refs of one store in another, and nothing else changed."""

import json
import os
import pty
import sqlite3
import subprocess

import pytest

import harness
from test_refs import LATER, digest, make_sqlite, name, record

pytestmark = pytest.mark.needs("vatmesh")


def argv(*words):
    return [str(harness.program_path("vatmesh")), *words]


@pytest.fixture
def run(tmp_path):
    def run(*words):
        done = subprocess.run(argv(*words), cwd=tmp_path, capture_output=True, text=True,
                              timeout=harness.DEADLINE)
        assert not harness.SANITIZER.search(done.stderr), done.stderr
        return done
    return run


@pytest.fixture
def listed(run):
    """What refs list tells of a store, by the names of the refs."""
    def listed(store):
        return {ref["ref"]: ref for ref in json.loads(run("refs", "list", "--store", store, "--json").stdout)}
    return listed


def copied(done, text, code=0):
    assert (done.returncode, done.stdout) == (code, text + "\n"), done




def test_every_field_goes_there_and_back(run, listed, tmp_path):
    make_sqlite(tmp_path / "a.db", {1: record("first"), 2: record("zwei", expires=LATER, sealed=True)})
    copied(run("store", "copy", "sqlite:a.db", "files:b"), "copied 2")
    copied(run("store", "copy", "files:b", "sqlite:new/c.db"), "copied 2")
    assert listed("sqlite:new/c.db") == listed("files:b") == listed("sqlite:a.db")
    assert listed("files:b")[name(2)]["label"] == "zwei"
    versions = []
    for path in ("a.db", "new/c.db"):
        db = sqlite3.connect(tmp_path / path)
        versions.append(db.execute("SELECT digest, version, record FROM refs ORDER BY digest").fetchall())
        db.close()
    assert versions[0] == versions[1]


def test_a_folder_of_the_ocaml_library_is_copied(run, listed, tmp_path):
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / name(5)).write_bytes(b"objectref1234567")
    copied(run("store", "copy", "files:refs", "sqlite:b.db"), "copied 1")
    assert listed("sqlite:b.db") == listed("files:refs")


def test_what_is_there_and_equal_is_left_alone(run, tmp_path):
    make_sqlite(tmp_path / "a.db", {n: record(f"ref {n}") for n in range(2500)})
    copied(run("store", "copy", "sqlite:a.db", "sqlite:b.db"), "copied 2500")
    copied(run("store", "copy", "sqlite:a.db", "sqlite:b.db"), "copied 0, 2500 there already")
    assert run("refs", "revoke", name(7), "--store", "sqlite:b.db").returncode == 0
    copied(run("store", "copy", "sqlite:a.db", "sqlite:b.db"), "copied 1, 2499 there already")


def test_another_content_is_replaced_only_by_force(run, listed, tmp_path):
    make_sqlite(tmp_path / "a.db", {1: record("one"), 2: record("two")})
    make_sqlite(tmp_path / "b.db", {1: record("one, changed there"), 3: record("three")})
    done = run("store", "copy", "sqlite:a.db", "sqlite:b.db")
    copied(done, "copied 1, 1 different and left alone", 1)
    assert done.stderr == f"vatmesh: {name(1)[:10]} is there with another content and was left alone\n"
    assert listed("sqlite:b.db")[name(1)]["label"] == "one, changed there"
    copied(run("store", "copy", "--force", "sqlite:a.db", "sqlite:b.db"),
           "copied 0, 1 there already, 1 replaced")
    after = listed("sqlite:b.db")
    assert {n: ref["label"] for n, ref in after.items()} == {
        name(1): "one", name(2): "two", name(3): "three"}


@pytest.mark.parametrize("words", [[], ["--force"]])
def test_of_two_counters_the_higher_one_stays(run, tmp_path, words):
    """Else ids that were revoked would be given out again."""
    def counter(generation):
        return record("", counter=True, generation=generation)

    make_sqlite(tmp_path / "a.db", {1: counter(5), 2: counter(2), 3: counter(1)})
    make_sqlite(tmp_path / "b.db", {1: counter(4), 2: counter(3)})
    copied(run("store", "copy", *words, "sqlite:a.db", "sqlite:b.db"), "copied 0")
    db = sqlite3.connect(tmp_path / "b.db")
    found = dict(db.execute("SELECT digest, record FROM refs"))
    db.close()
    assert found == {digest(1): counter(5), digest(2): counter(3), digest(3): counter(1)}


def test_a_damaged_ref_is_told_and_the_others_are_copied(run, listed, tmp_path):
    make_sqlite(tmp_path / "a.db", {1: record("one"), 2: record("two")})
    db = sqlite3.connect(tmp_path / "a.db")
    db.execute("UPDATE refs SET record = x'0102' WHERE digest = ?", (digest(1),))
    db.commit()
    db.close()
    done = run("store", "copy", "sqlite:a.db", "files:b")
    copied(done, "copied 1, 1 damaged", 1)
    assert name(1)[:10] in done.stderr and "checksum" in done.stderr
    assert set(listed("files:b")) == {name(2)}


def test_a_copy_that_was_killed_goes_on(run, listed, tmp_path):
    make_sqlite(tmp_path / "a.db", {n: record(f"ref {n}") for n in range(150)})
    with subprocess.Popen(argv("store", "copy", "sqlite:a.db", "files:b"), cwd=tmp_path,
                          stdout=subprocess.PIPE) as copy:
        harness.eventually(lambda: (tmp_path / "b").is_dir() and any((tmp_path / "b").glob("*.meta")),
                           "the copy has begun", every=0.001)
        copy.kill()
    done = run("store", "copy", "sqlite:a.db", "files:b")
    assert done.returncode == 0, done
    assert listed("files:b") == listed("sqlite:a.db")


def test_a_file_in_the_place_of_a_folder_is_a_store_that_cannot_be_used(run, tmp_path):
    make_sqlite(tmp_path / "a.db", {1: record("one")})
    (tmp_path / "b").write_text("no folder")
    done = run("store", "copy", "sqlite:a.db", "files:b")
    assert (done.returncode, done.stdout) == (69, "copied 0\n")
    assert done.stderr.startswith("vatmesh: not all was copied; start it again to go on: ")


def test_progress_is_shown_on_a_terminal_alone(run, tmp_path):
    make_sqlite(tmp_path / "a.db", {n: record(f"ref {n}") for n in range(3)})
    ours, theirs = pty.openpty()
    done = subprocess.run(argv("store", "copy", "sqlite:a.db", "sqlite:b.db"), cwd=tmp_path, stderr=theirs,
                          stdout=subprocess.PIPE, text=True, env=dict(os.environ, TERM="xterm"),
                          timeout=harness.DEADLINE)
    os.close(theirs)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert done.stdout == "copied 3\n"
    assert "copied 3 refs … 0 s" in shown and shown.endswith("\r\x1b[K")
    assert run("store", "copy", "sqlite:a.db", "sqlite:b.db").stderr == ""


@pytest.mark.parametrize("words,code,part", [
    (["sqlite:gone.db", "files:b"], 69, "gone.db is not there"),
    (["sqlite:a.db", "memory"], 64, '"memory" keeps nothing on a disk; write files:DIR or sqlite:FILE'),
    (["redis:x", "files:b"], 64, '"redis:x" is no store'),
    (["sqlite:a.db", "sqlite:./a.db"], 64, "both are the same store"),
    (["sqlite:a.db"], 64, "write vatmesh store copy FROM TO"),
])
def test_bad_usage_says_what_would_be_right(run, tmp_path, words, code, part):
    make_sqlite(tmp_path / "a.db", {1: record("one")})
    done = run("store", "copy", *words)
    assert (done.returncode, done.stdout) == (code, "") and part in done.stderr, done
    assert not (tmp_path / "b").exists()
