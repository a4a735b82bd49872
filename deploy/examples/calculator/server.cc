// SPDX-License-Identifier: Apache-2.0
// calculator-server: offers the calculator to direct connections, in two ways. With an address it
// listens there, as any Cap'n Proto server does. Without one it serves the descriptor named by
// VATMESH_FD, one end of a socketpair that whoever started it holds the other end of.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>

#include "service.h"

namespace {

// Serves until killed. The address is one of KJ's: HOST:PORT, unix:PATH.
void serveAddress(kj::AsyncIoContext& io, const char* address) {
  auto& network = io.provider->getNetwork();
  auto listener = network.parseAddress(address).wait(io.waitScope)->listen();
  if (std::strncmp(address, "unix", 4) == 0) {
    std::printf("calculator-server: listening on %s\n", address);
  } else {
    // The port matters when it was asked for as 0.
    const char* colon = std::strrchr(address, ':');
    std::printf("calculator-server: listening on %.*s:%u\n",
                static_cast<int>(colon == nullptr ? std::strlen(address) : colon - address),
                address, listener->getPort());
  }
  std::fflush(stdout);
  capnp::TwoPartyServer server(newCalculator());
  server.listen(*listener).wait(io.waitScope);
}

// Serves one connection; returns when the other side closes it.
void serveDescriptor(kj::AsyncIoContext& io, int descriptor) {
  auto stream = io.lowLevelProvider->wrapSocketFd(
      descriptor,
      kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC);
  std::printf("calculator-server: serving descriptor %d\n", descriptor);
  std::fflush(stdout);
  capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
  auto system = capnp::makeRpcServer(network, newCalculator());
  network.onDisconnect().wait(io.waitScope);
}

}  // namespace

int main(int argc, char** argv) {
  const char* inherited = std::getenv("VATMESH_FD");
  if (argc > 2 || (argc < 2 && inherited == nullptr) || (argc == 2 && argv[1][0] == '-')) {
    std::fprintf(stderr,
                 "usage: calculator-server HOST:PORT | unix:PATH\n"
                 "       VATMESH_FD=N calculator-server\n");
    return 64;
  }
  try {
    auto io = kj::setupAsyncIo();
    if (argc == 2) {
      serveAddress(io, argv[1]);
    } else {
      serveDescriptor(io, std::atoi(inherited));
    }
  } catch (const kj::Exception& error) {
    std::fprintf(stderr, "calculator-server: %s\n", error.getDescription().cStr());
    return 1;
  }
  return 0;
}
