# SPDX-License-Identifier: Apache-2.0
#
# The interface through which stock Cap'n Proto programs try out what a vatmesh between them must
# leave unchanged. One method for each thing that can go wrong.
@0xcf7bd048e37b7721;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("probe");

struct Answer {
  number @0 :UInt32;
  position @1 :UInt32;
}

interface Item {
  # An object at either end. It counts what it is asked, so that order can be checked.

  next @0 (number :UInt32) -> Answer;
  # Gives back `number`, and how many calls of `next` came before this one.

  child @1 () -> (box :Box);
  # A new object of the same host.
}

struct Box {
  # A capability that is not at the top of a result: pipelining needs a path of two fields.
  label @0 :Text;
  item @1 :Item;
}

struct Row {
  id @0 :UInt64;
  name @1 :Text;
  values @2 :List(UInt32);
}

enum Kind {
  # The types of an exception, in the order of rpc.capnp.
  failed @0;
  overloaded @1;
  disconnected @2;
  unimplemented @3;
}

struct Stats {
  items @0 :UInt32;       # objects of the server that are alive
  running @1 :UInt32;     # calls of `wait` that run
  cancelled @2 :UInt32;   # calls of `wait` that were cancelled
  streamedBytes @3 :UInt64;
  streamedChunks @4 :UInt32;
}

interface Probe {
  echo @0 (number :UInt64, text :Text) -> (number :UInt64, text :Text);
  rows @1 (count :UInt32) -> (rows :List(Row));
  # Row i has id i, name "row i", values [i, i + 1, i + 2].
  countRows @2 (rows :List(Row)) -> (count :UInt32, sum :UInt64);
  # The number of rows and the sum of all ids and values.
  blob @3 (data :Data) -> (data :Data);

  item @4 () -> (box :Box);
  many @5 (count :UInt32) -> (items :List(Item));
  use @6 (item :Item, number :UInt32) -> Answer;
  # Calls item.next(number) and gives back what it answered.
  isMine @7 (item :Item) -> (mine :Bool);
  # True when `item` is an object of this server itself, not a proxy of one.

  callBack @8 (item :Item, times :UInt32) -> (answers :List(UInt32));
  # Calls item.next(0) to item.next(times - 1), all at once; gives the positions in that order.
  hold @9 (item :Item) -> ();
  held @10 () -> (item :Item);
  drop @11 () -> ();

  reflect @12 (item :Item) -> (item :Item);
  # Gives `item` back at once.
  reflectLater @13 (item :Item) -> (item :Item);
  # Gives `item` back when settle() was called.
  promise @14 () -> (item :Item);
  # Gives at once a promise, which settle(item) resolves; null resolves it to an object of the server.
  settle @15 (item :Item) -> ();
  # Lets the oldest reflectLater() return, or else resolves the oldest promise().
  breakPromise @16 (reason :Text) -> ();
  # Breaks the oldest promise().

  tail @17 (item :Item, number :UInt32) -> Answer;
  # A tail call of item.next(number).
  fail @18 (kind :Kind, reason :Text) -> ();
  wait @19 () -> ();
  # Never returns; can be cancelled.
  stats @20 () -> (stats :Stats);
  chunk @21 (data :Data) -> stream;
  die @22 () -> ();
  # Ends the server's process without an answer.
}

interface NewerProbe extends(Probe) {
  # A method that no server of Probe has.
  added @0 () -> ();
}

interface Stranger {
  # An interface that no server has.
  hello @0 () -> ();
}
