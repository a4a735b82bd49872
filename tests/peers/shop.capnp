# SPDX-License-Identifier: Apache-2.0
#
# What `vatmesh call` is tried on: every kind of value, capabilities in results, errors, Persistent.
@0xd0f6d8f3b1a7c2e5;

using Cxx = import "/capnp/c++.capnp";
using Persistent = import "/capnp/persistent.capnp".Persistent;
$Cxx.namespace("shop");

struct Item {
  name @0 :Text;
  color @1 :Color;
  tags @2 :List(Tag);
  union {
    unique @3 :Void;
    count @4 :UInt32;
  }
  size :group {
    width @5 :Float64;
    height @6 :Float64 = 1.5;
  }
  picture @7 :Data;
  next @8 :Item;
}

struct Tag {
  key @0 :Text;
  value @1 :Int64;
}

enum Color {
  red @0;
  green @1;
  blue @2;
}

enum Kind {
  # The types of an exception, in the order of rpc.capnp.
  failed @0;
  overloaded @1;
  disconnected @2;
  unimplemented @3;
}

interface Shop extends(Persistent(AnyPointer, AnyPointer)) {
  echo @0 (item :Item) -> (item :Item);
  openDrawer @1 () -> (drawer :Drawer);
  openDrawers @2 () -> (top :Drawer, bottom :Drawer, others :List(Drawer), anything :AnyPointer);
  openBox @3 () -> (box :Box);
  fail @4 (kind :Kind, text :Text);
  hang @5 ();

  interface Counter {
    read @0 () -> (count :UInt32);
  }
}

interface Drawer extends(Persistent(AnyPointer, AnyPointer)) {
  read @0 () -> (text :Text);
}

struct Box {
  # A capability that is not at the top of a result, and is not Persistent.
  counter @0 :Shop.Counter;
}
