// SPDX-License-Identifier: Apache-2.0
// logger-server: keeps loggers in a file and offers them to its sidecar, which either started it
// (VATMESH_FD names one end of a socketpair) or dials it at an address.
#include <cstdio>
#include <cstdlib>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/exception.h>

#include "service.h"

namespace {

void serveAddress(kj::AsyncIoContext& io, const char* address, std::shared_ptr<Book> book) {
  auto listener = io.provider->getNetwork().parseAddress(address).wait(io.waitScope)->listen();
  std::printf("logger-server: listening on %s\n", address);
  std::fflush(stdout);
  capnp::TwoPartyServer server(newApplication(std::move(book)));
  server.listen(*listener).wait(io.waitScope);
}

// Serves one connection; returns when the other side closes it.
void serveDescriptor(kj::AsyncIoContext& io, int descriptor, std::shared_ptr<Book> book) {
  auto stream = io.lowLevelProvider->wrapSocketFd(
      descriptor,
      kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC);
  capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
  auto system = capnp::makeRpcServer(network, newApplication(std::move(book)));
  network.onDisconnect().wait(io.waitScope);
}

}  // namespace

int main(int argc, char** argv) {
  const char* inherited = std::getenv("VATMESH_FD");
  if (argc < 2 || argc > 3 || argv[1][0] == '-' || (argc == 2 && inherited == nullptr)) {
    std::fprintf(stderr,
                 "usage: logger-server FILE ADDRESS   ADDRESS is HOST:PORT or unix:PATH\n"
                 "       VATMESH_FD=N logger-server FILE\n");
    return 64;
  }
  try {
    auto io = kj::setupAsyncIo();
    auto book = std::make_shared<Book>(argv[1]);
    if (argc == 3) {
      serveAddress(io, argv[2], std::move(book));
    } else {
      serveDescriptor(io, std::atoi(inherited), std::move(book));
    }
  } catch (const kj::Exception& error) {
    std::fprintf(stderr, "logger-server: %s\n", error.getDescription().cStr());
    return 1;
  }
  return 0;
}
