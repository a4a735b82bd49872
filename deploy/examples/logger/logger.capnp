# SPDX-License-Identifier: Apache-2.0
# Loggers that can be split, and saved: a reference to one is worth keeping.

@0xd2a3f1b8c95e7a46;

using Persistent = import "/capnp/persistent.capnp".Persistent;

interface Logger extends(Persistent(Text, Text)) {
  # save() gives a URI to whoever is on the other side of a sidecar. Between the server and its own
  # sidecar it gives the logger's name, under which the server finds it again.

  log @0 (message :Text) -> (name :Text, lines :UInt32);
  # Writes a line; says whose logger it is, and the number of the line.

  sub @1 (label :Text) -> (logger :Logger);
  # A logger of its own under this one, the same one for the same label. Whoever has it can't reach
  # this one.
}
