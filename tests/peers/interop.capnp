@0xc54f21bc57177260;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("interop");

# Schema of the interop services served by the OCaml peer (written for these tests; not upstream's).

interface Callback @0xb89e91fd41f41e46 {
  notify @0 (msg :Text, seq :UInt32) -> (ack :Text);
  # The OCaml client's callback acks with "ack:<seq>:<msg>".
}

interface Counter @0xeadf24413a08262c {
  next @0 () -> (value :UInt64);
  # First call returns `start`, then start+1, ...
}

interface Item @0x8c78884bd8b8b70d {
  # Persistent: also answers Persistent.save (0xc8cb212fcd9f5691 method 0).
  describe @0 () -> (label :Text);
}

interface Interop @0xd1dcc8128441255e {
  ping @0 (msg :Text) -> (reply :Text);
  # reply = "pong:" + msg

  echoData @1 (data :Data) -> (data :Data);

  notify @2 (cb :Callback, msg :Text, count :UInt32) -> (acks :List(Text));
  # Calls cb.notify(msg, seq) for seq = 0..count-1, one after another; returns the acks.

  makeCounter @3 (start :UInt64) -> (counter :Counter);
  # Answers at once.

  makeCounterLater @4 (start :UInt64, delayMs :UInt32) -> (counter :Counter);
  # The answer itself is only returned after delayMs.

  promiseCounter @5 (start :UInt64, delayMs :UInt32) -> (counter :Counter);
  # Answers at once with a promise, which resolves to a counter after delayMs.

  echoCallback @6 (cb :Callback) -> (cb :Callback);
  # Returns the caller's own capability.

  promiseCallback @7 (cb :Callback, delayMs :UInt32) -> (cb :Callback);
  # Returns a promise that resolves to the caller's own capability after delayMs.

  fail @8 (reason :Text, kind :UInt8) -> ();
  # Exception; kind 0 failed, 1 overloaded, 2 disconnected, 3 unimplemented, 4 uncaught OCaml exception.

  sleep @9 (ms :UInt32) -> ();

  makeItem @10 (label :Text) -> (item :Item);
  # A new persistent item, kept in the server's file store.

  breakPromise @11 (delayMs :UInt32, reason :Text) -> (counter :Counter);
  # Answers at once with a promise, which is broken (type failed) after delayMs.

  hold @12 (cb :Callback) -> ();
  # Keeps cb until drop() or the next hold().

  callHeld @13 (msg :Text) -> (ack :Text);
  # Calls notify(msg, 0) on the held callback.

  drop @14 () -> ();
  # Releases the held callback.

  nullCap @15 () -> (counter :Counter);
  # Returns a null capability pointer.

  stats @16 () -> (calls :UInt32, slept :UInt32, cancelled :UInt32);
  # Calls seen; sleeps finished; sleeps cancelled (by Finish before Return).
}

struct SavedItem @0xfa8c2d68965259b6 {
  label @0 :Text;
}
