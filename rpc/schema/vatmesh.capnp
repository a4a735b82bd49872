# SPDX-License-Identifier: Apache-2.0
# What a program can ask of its sidecar, and what a sidecar can ask of its application.
#
# A program reaches Sidecar at the address that `control` of the configuration names, and an
# application also as the bootstrap of its own connection to the sidecar. Both are plain two-party
# connections of any Cap'n Proto library.

@0xc8ae081f9e0ee22a;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vatmesh::api");

using Control = import "vatmesh-control.capnp";

interface Sidecar @0xf90a4bffa9961ecf {
  self @0 Control.SelfParams -> Control.SelfResults;
  # Who and where this vat is.

  import @1 Control.ImportParams -> Control.ImportResults $Cxx.name("importUri");
  # The object that a URI names, at once: it can be called while it is being connected. When the vat
  # can't be reached or doesn't know the object, calls fail with the cause.

  lookup @2 Control.LookupParams -> Control.LookupResults;
  # The object of an import that the sidecar's configuration names, as on that import's socket.

  export @3 Control.ExportParams -> Control.ExportResults $Cxx.name("exportLive");
  # Makes an object known under a new URI, for as long as the handle is held and the object lives.

  publish @4 Control.PublishParams -> Control.PublishResults;
  # Makes an object known under a new URI that outlives this process: it comes back by
  # Application.restore. Needs a store. Dropping the handle ends nothing.

  revoke @5 Control.RevokeParams -> Control.RevokeResults;
  # Ends a URI of this vat, and cuts what was restored from it.

  serve @6 Control.ServeParams -> Control.ServeResults;
  # The program at the other end of this connection is an application from now on that is asked for more
  # than its bootstrap. Only on an application's own connection.
}

interface Export @0x9de154ff564611a2 {
  # Something that was exported or published.

  revoke @0 Control.EndParams -> Control.EndResults;
  # Ends the URI, and cuts what was restored from it.

  info @1 Control.InfoParams -> Control.InfoResults;
}

interface Application @0xfb89c77980aac403 {
  # What a program implements that offers more than one object for all. Its sidecar calls it when the
  # configuration says `interface: application`, or when the program called Sidecar.serve.

  bootstrap @0 Control.BootstrapParams -> Control.BootstrapResults;
  # The object that exports without a ref serve. Asked once for each connection of a peer.

  restore @1 Control.RestoreParams -> Control.RestoreResults;
  # The object of that name. Fails when there is none.
}

# An object that can be saved implements Persistent of /capnp/persistent.capnp (0xc8cb212fcd9f5691).
# Towards the sidecar its `save` answers what restore will be asked for; peers get a URI instead.
