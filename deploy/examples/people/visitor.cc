// SPDX-License-Identifier: Apache-2.0
// people-visitor: visits people by their references, through its own sidecar's `control`.
#include <cstdio>
#include <fstream>
#include <string>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include "people.capnp.h"
#include "vatmesh.capnp.h"

namespace {

using vatmesh::api::Sidecar;

// The object behind `what`: a cap file, or the name of an import. It need not be there yet.
Person::Client find(Sidecar::Client sidecar, const std::string& what) {
  if (what.size() < 4 || what.compare(what.size() - 4, 4, ".cap") != 0) {
    auto request = sidecar.lookupRequest();
    request.setImportName(what);
    return request.send().getCapability().castAs<Person>();
  }
  std::ifstream file(what);
  std::string uri;
  if (!std::getline(file, uri)) kj::throwFatalException(KJ_EXCEPTION(FAILED, "can't be read"));
  auto request = sidecar.importUriRequest();
  request.setUri(uri);
  return request.send().getCapability().castAs<Person>();
}

// The cause without the trail that each hop adds in front of it.
std::string cause(const kj::Exception& error) {
  const std::string text = error.getDescription().cStr();
  const std::string hop = "remote exception: ";
  const size_t found = text.rfind(hop);
  return found == std::string::npos ? text : text.substr(found + hop.size());
}

bool visit(kj::AsyncIoContext& io, Sidecar::Client sidecar, const std::string& what) {
  try {
    // Sent before the connection to the other vat is there.
    auto request = find(kj::mv(sidecar), what).greetRequest();
    request.setVisitor("the visitor");
    auto response = request.send().wait(io.waitScope);
    std::printf("%s: %s\n", what.c_str(), response.getText().cStr());
    return true;
  } catch (const kj::Exception& error) {
    std::printf("%s: failed: %s\n", what.c_str(), cause(error).c_str());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: people-visitor unix:SOCKET CAPFILE|IMPORT...\n");
    return 64;
  }
  try {
    auto io = kj::setupAsyncIo();
    auto address = io.provider->getNetwork().parseAddress(argv[1]).wait(io.waitScope);
    auto stream = address->connect().wait(io.waitScope);
    capnp::TwoPartyClient client(*stream);
    auto sidecar = client.bootstrap().castAs<Sidecar>();
    bool all = true;
    for (int i = 2; i < argc; ++i) all = visit(io, sidecar, argv[i]) && all;
    return all ? 0 : 1;
  } catch (const kj::Exception& error) {
    std::fprintf(stderr, "people-visitor: %s: %s\n", argv[1], cause(error).c_str());
    return 1;
  }
}
