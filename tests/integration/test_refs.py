# SPDX-License-Identifier: Apache-2.0
"""`vatmesh refs`: what is in a store, shown without a secret, and taken back."""

import base64
import hashlib
import json
import os
import sqlite3
import struct
import subprocess

import pytest

import harness

pytestmark = pytest.mark.needs("vatmesh")

OWNER = bytes(range(32))
LATER = 4_000_000_000_000


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def digest(number):
    return hashlib.sha256(b"secret id %d" % number).digest()


def name(number):
    return b64(digest(number))


def text(raw):
    return struct.pack("<I", len(raw)) + raw


def record(label, expires=None, sealed=False, counter=False, generation=3):
    """A record as persistence/record.cc writes it, with an owner and one note."""
    flags = 2 | (1 if expires else 0) | (4 if sealed else 0) | (8 if counter else 0)
    out = struct.pack("<BBq", 1, flags, 1_700_000_000_000)
    out += struct.pack("<q", expires) if expires else b""
    out += OWNER + (OWNER if sealed else b"") + struct.pack("<Q", generation) + text(label.encode())
    out += struct.pack("<I", 1) + struct.pack("<q", 1_700_000_001_000) + text(b"saved by hand")
    return out + text(b"objectref1234567")


def make_sqlite(path, records):
    db = sqlite3.connect(path)
    db.executescript("""PRAGMA journal_mode = WAL;
        CREATE TABLE refs (digest BLOB PRIMARY KEY, version INTEGER NOT NULL, expires INTEGER,
            record BLOB NOT NULL) WITHOUT ROWID;
        CREATE INDEX refs_expires ON refs (expires) WHERE expires IS NOT NULL;
        PRAGMA application_id = 1986884198;
        PRAGMA user_version = 1;""")
    for number, raw in records.items():
        version = int.from_bytes(hashlib.sha256(raw).digest()[:8], "big", signed=True)
        db.execute("INSERT INTO refs VALUES (?, ?, ?, ?)", (digest(number), version, None, raw))
    db.commit()
    db.close()


@pytest.fixture
def refs(tmp_path):
    """Runs vatmesh refs in a folder of its own."""

    def refs(*words):
        done = subprocess.run([harness.program_path("vatmesh"), "refs", *words], cwd=tmp_path,
                              capture_output=True, text=True, timeout=harness.DEADLINE)
        assert not harness.SANITIZER.search(done.stderr), done.stderr
        assert "secret id" not in done.stdout + done.stderr
        assert "objectref" not in done.stdout + done.stderr
        return done

    return refs


@pytest.fixture
def store(tmp_path):
    make_sqlite(tmp_path / "refs.db", {
        1: record("first"), 2: record("zwei\x1b[2J\"", expires=LATER, sealed=True)})
    (tmp_path / "sidecar.yaml").write_text("imports:\nstore: sqlite:refs.db\n")
    return "sqlite:refs.db"


def fails(done, code, part):
    assert (done.returncode, done.stdout) == (code, ""), done
    assert done.stderr.startswith("vatmesh: ") and part in done.stderr


def test_list_is_a_table_without_what_a_terminal_obeys(refs, store):
    done = refs("list", "--store", store)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["REF", "LABEL", "OWNER", "FOR", "CREATED", "EXPIRES"]
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    assert rows[name(1)[:10]][1:] == ["first", b64(OWNER)[:10], "anybody", "2023-11-14T22:13:20Z",
                                      "never"]
    assert rows[name(2)[:10]][3:] == [b64(OWNER)[:10], "2023-11-14T22:13:20Z",
                                      "2096-10-02T07:06:40Z"]
    assert "\x1b" not in done.stdout
    assert len({line.index(b64(OWNER)[:10]) for line in lines[1:]}) == 1, "columns stand apart"


def test_list_as_json_has_every_field(refs, store):
    done = refs("list", "--config", "sidecar.yaml", "--json")
    assert done.returncode == 0
    found = {ref["ref"]: ref for ref in json.loads(done.stdout)}
    assert found[name(2)] == {
        "ref": name(2), "label": "zwei\x1b[2J\"", "owner": f"sha-256:{b64(OWNER)}",
        "sealedFor": f"sha-256:{b64(OWNER)}", "created": "2023-11-14T22:13:20Z",
        "expires": "2096-10-02T07:06:40Z", "generation": 3, "objectRefBytes": 16,
        "notes": [{"at": "2023-11-14T22:13:21Z", "text": "saved by hand"}]}
    assert found[name(1)]["expires"] is None and found[name(1)]["sealedFor"] is None


def test_an_empty_store_is_an_empty_list(refs, tmp_path):
    make_sqlite(tmp_path / "refs.db", {})
    assert json.loads(refs("list", "--store", "sqlite:refs.db", "--json").stdout) == []


def test_list_tells_what_is_damaged_and_shows_the_rest(refs, store, tmp_path):
    db = sqlite3.connect(tmp_path / "refs.db")
    db.execute("UPDATE refs SET record = x'0102' WHERE digest = ?", (digest(1),))
    db.commit()
    db.close()
    lines = refs("list", "--store", store).stdout.splitlines()
    assert any(line.startswith(name(1)[:10]) and "checksum" in line for line in lines)
    assert any(line.startswith(name(2)[:10]) for line in lines)
    assert refs("revoke", name(1)[:10], "--store", store).returncode == 0
    assert len(refs("list", "--store", store).stdout.splitlines()) == 2


@pytest.mark.parametrize("how", ["beginning", "digest", "cap file", "uri"])
def test_show_and_revoke_take_a_ref_by_any_of_its_names(refs, store, tmp_path, how):
    uri = f"capnp://insecure@h:1/{b64(b'secret id 1')}"
    (tmp_path / "first.cap").write_text(uri + "\n")
    word = {"beginning": name(1)[:10], "digest": name(1), "cap file": "first.cap", "uri": uri}[how]
    shown = refs("show", word, "--store", store)
    assert shown.returncode == 0
    assert f"ref:        {name(1)}\nlabel:      first\n" in shown.stdout
    assert "note:       2023-11-14T22:13:21Z saved by hand\n" in shown.stdout
    assert json.loads(refs("show", word, "--store", store, "--json").stdout)["label"] == "first"
    done = refs("revoke", word, "--config", "sidecar.yaml")
    assert (done.returncode, done.stdout) == (0, f"revoked {name(1)[:10]}\n")
    for command in ("show", "revoke"):
        fails(refs(command, word, "--store", store), 77, "no such ref")
    assert len(json.loads(refs("list", "--store", store, "--json").stdout)) == 1


def test_a_ref_whose_name_begins_with_a_dash_is_no_flag(refs, tmp_path):
    number = next(n for n in range(10_000) if name(n)[0] == "-" != name(n)[1])
    make_sqlite(tmp_path / "refs.db", {number: record("dashed")})
    word = name(number)[:10]
    assert "label:      dashed\n" in refs("show", word, "--store", "sqlite:refs.db").stdout
    assert refs("revoke", "--store", "sqlite:refs.db", word).stdout == f"revoked {word}\n"


def test_a_folder_of_the_ocaml_library_is_a_store(refs, tmp_path):
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / name(5)).write_bytes(b"objectref1234567")
    found = json.loads(refs("list", "--store", "files:refs", "--json").stdout)
    assert [(r["ref"], r["label"], r["owner"]) for r in found] == [(name(5), "", None)]
    assert refs("revoke", name(5)[:6], "--store", "files:refs").returncode == 0
    assert not (tmp_path / "refs" / name(5)).exists()


def test_a_beginning_that_fits_several_is_refused(refs, tmp_path):
    (tmp_path / "refs").mkdir()
    for last in (0, 4):
        raw = bytes(31) + bytes([last])
        (tmp_path / "refs" / b64(raw)).write_bytes(b"12345678")
    fails(refs("revoke", "AAAAAA", "--store", "files:refs"), 64, "several")
    assert len(os.listdir(tmp_path / "refs")) >= 2


@pytest.mark.parametrize("words,code,part", [
    (["list"], 64, "either --store STORE or --config FILE"),
    (["list", "--store", "memory"], 64, "memory"),
    (["list", "--store", "none"], 64, "no store"),
    (["list", "--store", "redis:x"], 64, 'files:DIR or sqlite:FILE'),
    (["list", "--store", "sqlite:typo.db"], 69, "typo.db is not there"),
    (["list", "--config", "gone.yaml"], 64, "gone.yaml"),
    (["show", "a/b", "--store", "sqlite:refs.db"], 64, "names no ref"),
    (["show", "abc", "--store", "sqlite:refs.db"], 64, "names no ref"),
    (["show", "AAAAAAAAAA", "--store", "sqlite:refs.db"], 77, "no such ref"),
])
def test_bad_usage_says_what_would_be_right(refs, store, words, code, part, tmp_path):
    fails(refs(*words), code, part)
    assert not (tmp_path / "typo.db").exists()


def test_a_file_in_the_place_of_a_folder_is_named(refs, tmp_path):
    (tmp_path / "notes").write_text("x")
    fails(refs("list", "--store", "files:notes"), 69, "notes: can't be made: Not a directory")


@pytest.mark.parametrize("words", [["list"], ["show", "AAAAAAAAAA"], ["revoke", "AAAAAAAAAA"]])
def test_a_file_that_is_no_database_is_named_and_left_alone(refs, tmp_path, words):
    text = "not a database, but long enough to look at: " * 20
    (tmp_path / "notes.db").write_text(text)
    fails(refs(*words, "--store", "sqlite:notes.db"), 69, "notes.db is no SQLite database: name "
          "another file, or put the right one back\n")
    assert (tmp_path / "notes.db").read_text() == text


def test_a_database_of_another_program_is_refused(refs, tmp_path):
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE refs (x)")
    db.commit()
    db.close()
    fails(refs("list", "--store", "sqlite:other.db"), 77, "another program")
