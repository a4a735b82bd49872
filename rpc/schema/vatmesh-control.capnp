# SPDX-License-Identifier: Apache-2.0
# Parameters and results of the methods in vatmesh.capnp. Structs only, so that a program without an
# RPC library reads and writes them; fields of type Capability say what stands there.
#
# Times are milliseconds since 1970-01-01T00:00:00Z; 0 stands for none. Fingerprints are the 32 raw
# bytes of the SHA-256 of a public key; null stands for none.

@0xb41cf9b940a3df63;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vatmesh::api");

struct Peer {
  # Who is at the other end of a link.

  fingerprint @0 :Data;
  # Null: the link has no TLS, so nobody has shown who it is.

  address @1 :Text;
  # Where it connected from, or where it was dialled, as in "10.1.2.3:7000"; for programs beside the
  # sidecar "import NAME", "control" or "application". Not who it is.
}

# --- Sidecar

struct SelfParams {}
struct SelfResults {
  fingerprint @0 :Data;
  # Of this vat; null as long as it needed no key.

  addresses @1 :List(Text);
  # Where others reach this vat, as its URIs say, without what is secret: "tcp:calc.example.com:7000".
}

struct ImportParams {
  uri @0 :Text;

  reconnect @1 :Bool;
  # Connect again when the connection is lost. Refused by a sidecar that can't.
}
struct ImportResults {
  capability @0 :Capability;
}

struct LookupParams {
  importName @0 :Text;
  # As in the sidecar's configuration. Not `name`: pycapnp has that word for itself.
}
struct LookupResults {
  capability @0 :Capability;
}

struct ExportParams {
  capability @0 :Capability;

  label @1 :Text;
  # For people who look at what is exported.
}
struct ExportResults {
  uri @0 :Text;
  # A secret: whoever has it may call.

  handle @1 :Capability;
  # An Export.
}

struct PublishParams {
  ref @0 :AnyPointer;
  # The application's own name for the object, handed to Application.restore. No capabilities.

  label @1 :Text;

  expires @2 :UInt64;
  # 0: never.

  owner @3 :Data;
  # Fingerprint of the vat in whose name it is published; null: this one.
}
struct PublishResults {
  uri @0 :Text;
  handle @1 :Capability;
  # An Export.
}

struct RevokeParams {
  uri @0 :Text;
}
struct RevokeResults {}

struct ServeParams {
  application @0 :Capability;
  # An Application.
}
struct ServeResults {}

# --- Export

struct EndParams {}
struct EndResults {}

struct InfoParams {}
struct InfoResults {
  name @0 :Text;
  # By which logs and lists call it; no secret.

  label @1 :Text;
  created @2 :UInt64;

  expires @3 :UInt64;
  # 0: never.

  lifetime @4 :Lifetime;

  enum Lifetime {
    live @0;     # ends with its handle
    durable @1;  # in the store, until it expires or is revoked
  }
}

# --- Application

struct BootstrapParams {
  peer @0 :Peer;
}
struct BootstrapResults {
  capability @0 :Capability;
}

struct RestoreParams {
  ref @0 :AnyPointer;
  # What the application called it: in publish, in the answer to save, or in the configuration (Text).

  peer @1 :Peer;
}
struct RestoreResults {
  capability @0 :Capability;
}

# --- Persistent, the standard interface of /capnp/persistent.capnp without its type parameters

struct SaveParams {
  sealFor @0 :AnyPointer;
}
struct SaveResults {
  sturdyRef @0 :AnyPointer;
  # From a vat: its URI, a Text.
}
