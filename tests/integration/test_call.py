# SPDX-License-Identifier: Apache-2.0
"""`vatmesh call`: against stock servers behind a sidecar, a person's words and what comes back."""

import re
import subprocess
import threading

import pytest

import harness
from caller import SHOP, Caller, ShopCaller, answers, fails

pytestmark = pytest.mark.needs("vatmesh", "vatmesh-sidecar", "shop-server")

CALCULATOR = harness.ROOT / "deploy" / "examples" / "calculator" / "calculator.capnp"


@pytest.fixture
def shop(place):
    return ShopCaller(place)


# ---- arguments and results

def test_every_kind_of_value_goes_there_and_back(shop):
    done = shop.method("Shop.echo", '(item = (name = "a\\x07\\"é", color = green, tags = [(key = "k",'
                       ' value = -3)], count = 7, size = (width = 2.5), picture = 0x"00ff", '
                       'next = (name = "inner")))')
    answers(done, """\
(
  item = (
    name = "a\\a\\"é",
    color = green,
    tags = [(key = "k", value = -3)],
    count = 7,
    size = (width = 2.5, height = 1.5),
    picture = "\\000\\377",
    next = (name = "inner", color = red, unique = void, size = (width = 0, height = 1.5))
  )
)""")


def test_what_is_printed_can_be_given_again(shop):
    first = shop.method("Shop.echo", '(item = (name = "x\\n", tags = [(key = "k")], picture = "\\x01"))')
    assert first.returncode == 0
    assert shop.method("Shop.echo", first.stdout).stdout == first.stdout


def test_a_server_cannot_steer_the_terminal(shop):
    steering = "\\x1b[31m\\x7f\\xc2\\x9b31m\\r"
    done = shop.method("Shop.echo", f'(item = (name = "{steering} ä€"))')
    assert done.returncode == 0 and " ä€" in done.stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout)
    assert shop.method("Shop.echo", done.stdout).stdout == done.stdout
    fails(shop.method("Shop.fail", f'(text = "{steering} ä€")'), 1,
          "\\x1b[31m\\x7f\\xc2\\x9b31m\\x0d ä€")


def test_arguments_may_be_left_out_or_come_from_standard_input(shop):
    text = "(item = (color = red, unique = void, size = (width = 0, height = 1.5)))"
    answers(shop.method("Shop.echo"), text)
    answers(shop.method("Shop.echo", "-", input="(item = (color = red))\n"), text)


def test_capabilities_are_shown_by_their_interface(shop):
    answers(shop.method("Shop.openDrawer"), "(drawer = <Drawer>)")
    answers(shop.method("Shop.openBox"), "(box = (counter = <Counter>))")
    answers(shop.method("Shop.openDrawers"),
            "(top = <Drawer>, others = [<Drawer>], anything = <anything>)")


def test_capabilities_are_shown_by_their_interface_wherever_that_is_declared(shop):
    """In a file that the schema imports, or in one that only that one imports."""
    for name, text in {
            "cabinet.capnp": "@0xd0f6d8f3b1a7c2e8;\ninterface Cabinet {}\n",
            "drawers.capnp": '@0xd0f6d8f3b1a7c2e9;\nusing C = import "cabinet.capnp";\n'
                             "struct Top { drawer @0 :C.Cabinet; }\ninterface Tray {}\n",
            "own.capnp": '@0xd0f6d8f3b1a7c2ea;\nusing D = import "drawers.capnp";\n'
                         "interface Own @0x8504f65e4bd42e1b {\n"  # the id of Shop
                         "  echo @0 ();\n  openDrawer @1 () -> (drawer :D.Tray);\n"
                         "  openDrawers @2 () -> (top :D.Tray);\n  openBox @3 () -> (box :D.Top);\n"
                         "}\n"}.items():
        (shop.folder / name).write_text(text)
    answers(shop("--schema", "own.capnp", "Own.openDrawer"), "(drawer = <Tray>)")
    answers(shop("--schema", "own.capnp", "Own.openBox"), "(box = (drawer = <Cabinet>))")


def test_the_calculator_of_the_examples_is_called(place):
    app = place.program("app", [harness.program_path("calculator-server"),
                                f"unix:{place.path}/app.sock"], expect=None)
    harness.eventually((place.path / "app.sock").exists, "the server listens")
    sidecar = place.sidecar("b", {"key": "vat.key", "listen": "tcp:127.0.0.1:0",
                                  "app": f"unix:{place.path}/app.sock",
                                  "exports": {"calculator": {"capFile": "c.cap"}}})
    call = Caller(place, sidecar.cap("c.cap"))
    answers(call("--schema", CALCULATOR, "Calculator.evaluate", "(expression = (number = 42))"),
            "(value = <Value>)")
    done = call("--schema", CALCULATOR, "Calculator.evaluate", "(expression = (argument = 1))")
    assert done.returncode == 1 and "there is no such argument" in done.stderr
    done = call("--schema", CALCULATOR, "--save", "Calculator.getOperator")
    fails(done, 1, "save: the object does not implement Persistent (0xc8cb212fcd9f5691)")
    assert app.running()


# ---- wrong words: found before anything is dialled

@pytest.mark.parametrize("words,text", [
    (["Shopp.echo"], f'unknown interface "Shopp" in {SHOP}; did you mean "Shop"? It has Shop, '
     "Shop.Counter, Drawer"),
    (["Item.echo"], f'unknown interface "Item" in {SHOP}; it has Shop, Shop.Counter, Drawer'),
    (["Shop.ecko"], 'unknown method "ecko" in Shop; did you mean "echo"? It has echo, openDrawer, '
     "openDrawers, openBox, fail, hang, save"),
    (["Shop.Counter.write"], 'unknown method "write" in Shop.Counter; it has read'),
    (["echo"], '"echo" is no method; write Interface.method, as in Calculator.evaluate'),
    (["Shop.echo", "(itm = ())"],
     'unknown field "itm" in the arguments of echo; did you mean "item"? It has item'),
    (["Shop.echo", "(item = (tags = [(key = \"(\", valu = 1)]))"],
     'unknown field "valu" in Tag; did you mean "value"? It has key, value'),
    (["Shop.echo", "(item = (size = (depth = 1)))"],
     'unknown field "depth" in size; it has width, height'),
    (["Shop.echo", "(item = (color = pink))"],
     'unknown enumerant "pink" in Color; it has red, green, blue'),
    (["Shop.hang", "(item = ())"],
     'unknown field "item" in the arguments of hang, which has none'),
    (["Shop.echo", "(item = (name = 3))"],
     "arguments at character 17: Type mismatch; expected Text; write them as '(field = value, …)'"),
    (["Shop.echo", "(item = ()"],
     "arguments at their end: Parse error; write them as '(field = value, …)'"),
    (["Shop.echo", "(item = (name = \"äö\", count = -1))"],
     "arguments at character 32: Integer value out of range; write them as '(field = value, …)'"),
    (["Shop.echo", "() ()"],
     "arguments: not one text in parentheses; write them as '(field = value, …)'"),
    (["Shop.echo", "item"],
     "arguments: not one text in parentheses; write them as '(field = value, …)'"),
    (["Shop.echo", "(item = (count = -1))"],
     "arguments at character 19: Integer value out of range; write them as '(field = value, …)'"),
    (["Shop.echo", "--save"], "--save: the results of this method have no capability"),
    (["Shop.openDrawers", "--save"], "--save: the results have several capabilities; add "
     "--save-field top or bottom or anything"),
    (["Shop.openDrawers", "--save-field", "topp"], 'unknown capability "topp" in the results; did '
     'you mean "top"? It has top, bottom, anything'),
    (["Shop.echo", "--timeout", "5"],
     '--timeout "5" is no time; write one as 500ms, 30s or 2m'),
    (["Shop.echo", "--import-path", "nowhere"], '--import-path: "nowhere" is no folder'),
    ([], "something is missing; write Interface.method, or --save alone"),
])
def test_wrong_words_say_what_is_there(place, words, text):
    call = Caller(place, "capnp://sha-256:3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY@"
                  "127.0.0.1:1/c2VjcmV0c2VjcmV0c2VjcmV0")
    fails(call.method(*words), 64, text)


def test_a_schema_with_errors_tells_all_of_them(place):
    call = Caller(place, "capnp://insecure@127.0.0.1:1/c2VjcmV0c2VjcmV0c2VjcmV0")
    (place.path / "bad.capnp").write_text(
        "@0xd0f6d8f3b1a7c2e6;\ninterface A {\n  m @0 (a :Nope) -> (b :Neither);\n}\n")
    done = call("--schema", "bad.capnp", "A.m")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == ("vatmesh: bad.capnp:3:12: Not defined: Nope\n"
                           "vatmesh: bad.capnp:3:25: Not defined: Neither\n")
    fails(call("--schema", "none.capnp", "A.m"), 64, "none.capnp: No such file or directory")
    fails(call("A.m"), 64, "--schema is missing; name the .capnp file that declares the interface")


def test_imports_are_found_in_the_import_path(shop):
    (shop.folder / "lib" / "parts").mkdir(parents=True)
    (shop.folder / "lib" / "parts" / "shop.capnp").write_text(SHOP.read_text())
    (shop.folder / "mine.capnp").write_text(
        "@0xd0f6d8f3b1a7c2e7;\nusing Parts = import \"/parts/shop.capnp\";\n"
        "interface Mine extends(Parts.Shop) {}\n")
    assert shop("--schema", "mine.capnp", "Mine.openDrawer").returncode == 64
    done = shop("--schema", "mine.capnp", "--import-path", "/var:lib", "Mine.openDrawer")
    answers(done, "(drawer = <Drawer>)")


def test_wrong_uris_are_not_shown(shop):
    missing = shop("--save", cap="missing.cap")
    fails(missing, 64, "missing.cap: No such file or directory: write a URI (capnp://…) or the path "
          "of a cap file")
    (shop.folder / "bad.cap").write_text("capnp://insecure@h/" + shop.secret)
    assert shop("--save", cap="bad.cap").stderr.startswith("vatmesh: bad.cap: no port; ")


# ---- answers that are errors, peers that aren't there

@pytest.mark.parametrize("kind,code", [("failed", 1), ("overloaded", 1), ("unimplemented", 1),
                                       ("disconnected", 69)])
def test_an_error_is_printed_as_the_server_says_it(shop, kind, code):
    fails(shop.method("Shop.fail", f'(kind = {kind}, text = "no \\x1b[31msocks")'), code,
          "no \\x1b[31msocks")


def test_an_interface_that_the_object_lacks_is_an_error(shop):
    done = shop.method("Drawer.read")
    assert (done.returncode, done.stdout) == (1, "") and "not implemented" in done.stderr


def test_a_wrong_fingerprint_is_refused(shop):
    uri = (shop.folder / "shop.cap").read_text()
    (shop.folder / "other.cap").write_text(re.sub("sha-256:[^@]*", "sha-256:" + "A" * 43, uri))
    done = shop.method("Shop.echo", cap="other.cap")
    assert (done.returncode, done.stdout) == (77, "")
    assert re.fullmatch(r"vatmesh: 127\.0\.0\.1:\d+ showed key sha-256:[\w-]{10}…, the URI expects "
                        r"sha-256:AAAAAAAAAA…: its key was made anew or rotated; ask its owner for a "
                        r"new URI\n", done.stderr)


def test_an_unknown_id_is_refused(shop):
    uri = (shop.folder / "shop.cap").read_text().strip()
    (shop.folder / "other.cap").write_text(uri[:-4] + "AAAA")
    fails(shop.method("Shop.echo", cap="other.cap"), 77, "Unknown persistent service ID\n"
          "vatmesh: the vat has nothing under this id (any more): it was taken back, has expired, "
          "was made anew, or is sealed for a key that --key should name; ask its owner for a new URI")


def test_a_peer_that_speaks_something_else_refuses_nothing(shop):
    """77 says that a person has to act: who tries it again later gets the same."""
    shop.server.kill()
    listener = harness.close_later(harness.socket.create_server(("127.0.0.1", 0)))
    uri = (shop.folder / "shop.cap").read_text().strip()
    port = listener.getsockname()[1]
    (shop.folder / "other.cap").write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", uri))

    def answer():
        with listener.accept()[0] as peer:
            peer.sendall(b"220 mail.example.com ESMTP\r\n")
            while peer.recv(4096):
                pass
    thread = threading.Thread(target=answer)
    thread.start()
    fails(shop.method("Shop.echo", cap="other.cap"), 1,
          "peer sent no TLS: does it listen with tls: off? then its URI says insecure")
    thread.join(harness.DEADLINE)


def test_a_vat_without_services_answers_with_an_error(place):
    vat = place.sidecar("b", {"key": "vat.key", "listen": "tcp:127.0.0.1:0"})
    port = re.search(r"link: listening at tcp:127\.0\.0\.1:(\d+)", vat.log()).group(1)
    key = re.search(r"this vat is (sha-256:[\w-]+)", vat.log()).group(1)
    call = Caller(place, f"capnp://{key}@127.0.0.1:{port}/c2VjcmV0c2VjcmV0c2VjcmV0")
    fails(call("--save"), 1, "This vat has no restorer")


def test_nobody_there_is_unreachable(shop):
    shop.sidecar.stop()
    done = shop.method("Shop.echo")
    assert (done.returncode, done.stdout) == (69, "")
    assert re.fullmatch(r"vatmesh: connect to 127\.0\.0\.1:\d+: connection refused: is the program "
                        r"running and listening there\?\n", done.stderr)


def test_an_application_that_is_down_is_unreachable(shop):
    shop.server.kill()
    fails(shop.method("Shop.echo"), 69, "the application can't be reached now; try again")


def test_a_call_without_an_answer_ends_in_time(shop):
    # Long enough for a slow machine to be connected by then.
    fails(shop.method("Shop.hang", "--timeout", "5s"), 69,
          "calling hang: no answer within 5s; --timeout gives it more time")


def test_a_sidecar_that_dies_during_the_call_is_unreachable(shop):
    with subprocess.Popen(shop.argv("--schema", SHOP, "Shop.hang"), cwd=shop.folder,
                          stderr=subprocess.PIPE, text=True) as call:
        shop.server.wait_log("hanging")
        shop.sidecar.kill()
        assert call.wait(harness.DEADLINE) == 69
        assert call.stderr.read().startswith("vatmesh: ")


# ---- save

def test_save_prints_the_uri_of_the_object_itself(shop):
    uri = (shop.folder / "shop.cap").read_text().strip()
    shop.saved.write_text(uri)
    for words in (["--save"], ["--schema", SHOP, "--save"]):
        answers(shop(*words), uri)


def test_save_prints_the_uri_of_the_capability_in_the_results_alone(shop):
    uri = (shop.folder / "shop.cap").read_text().strip()
    shop.saved.write_text(uri)
    done = shop.method("--save", "Shop.openDrawer")
    answers(done, uri)
    (shop.folder / "saved.cap").write_text(done.stdout)
    answers(shop.method("Shop.openDrawer", cap="saved.cap"), "(drawer = <Drawer>)")
    for field in ("top", "anything"):
        answers(shop.method("--save-field", field, "Shop.openDrawers"), uri)


def test_save_of_nothing_is_an_error(shop):
    fails(shop.method("--save-field", "bottom", "Shop.openDrawers"), 1,
          "save: the results have nothing at bottom")
    fails(shop.method("--save", "Shop.openBox"), 1,
          "save: the object does not implement Persistent (0xc8cb212fcd9f5691)")


@pytest.mark.parametrize("text", ["", "nonsense", "capnp://insecure@h:1/x\x1b[31m"])
def test_what_is_no_uri_is_not_printed(shop, text):
    shop.saved.write_text(text)
    fails(shop("--save"), 1, "save: what the object answered is no URI")


# ---- the key

def test_the_peer_sees_another_key_each_time_unless_one_is_given(shop):
    assert shop.method("Shop.echo", "--key", "my.key").returncode == 0
    made = (shop.folder / "my.key").read_bytes()
    assert (shop.folder / "my.key").stat().st_mode & 0o777 == 0o600
    assert shop.method("Shop.echo", "--key", "my.key").returncode == 0
    assert (shop.folder / "my.key").read_bytes() == made
    (shop.folder / "bad.key").write_text("nonsense")
    done = shop.method("Shop.echo", "--key", "bad.key")
    assert (done.returncode, done.stdout) == (64, "")
    assert re.fullmatch(r"vatmesh: key file \S*bad\.key: .*\n", done.stderr)
