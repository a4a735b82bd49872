// SPDX-License-Identifier: Apache-2.0
// people-host: Alice and Bob, two objects of one program, each under a reference of its own. It
// asks its sidecar to export them for as long as it runs, or it lets the sidecar ask for them by
// name.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/encoding.h>
#include <kj/io.h>

#include "people.capnp.h"
#include "vatmesh.capnp.h"

namespace {

using vatmesh::api::Application;
using vatmesh::api::Export;
using vatmesh::api::Sidecar;

constexpr const char* kNames[] = {"alice", "bob"};

class PersonImpl final : public Person::Server {
 public:
  explicit PersonImpl(kj::String name) : name_(kj::mv(name)) {}

  kj::Promise<void> greet(GreetContext context) override {
    context.getResults().setText(kj::str(name_, " greets ", context.getParams().getVisitor()));
    return kj::READY_NOW;
  }

 private:
  kj::String name_;
};

Person::Client person(kj::StringPtr name) {
  return kj::heap<PersonImpl>(kj::str(name));
}

// What the sidecar asks for the objects behind its exports.
class House final : public Application::Server {
 public:
  // Each peer has a door of its own, which knows it.
  kj::Promise<void> bootstrap(BootstrapContext context) override {
    auto peer = context.getParams().getPeer();
    kj::String who = peer.hasFingerprint()
                         ? kj::str("key ", kj::encodeHex(peer.getFingerprint().slice(0, 4)))
                         : kj::str("no key");
    context.getResults().setCapability(person(kj::str("the door, seeing ", who, ",")));
    return kj::READY_NOW;
  }

  // The names are those of `ref` in host.yaml.
  kj::Promise<void> restore(RestoreContext context) override {
    auto name = context.getParams().getRef().getAs<capnp::Text>();
    for (const char* known : kNames) {
      if (name != known) continue;
      context.getResults().setCapability(person(name));
      return kj::READY_NOW;
    }
    KJ_FAIL_REQUIRE("nobody of that name lives here");
  }
};

// A connection to the sidecar, at `control` or as the application that it accepts.
class Connection {
 public:
  Connection(kj::AsyncIoContext& io, const char* address)
      : stream_(io.provider->getNetwork()
                    .parseAddress(address)
                    .wait(io.waitScope)
                    ->connect()
                    .wait(io.waitScope)),
        client_(*stream_, person("the house")) {}

  Sidecar::Client sidecar() { return client_.bootstrap().castAs<Sidecar>(); }
  kj::Promise<void> onDisconnect() { return client_.onDisconnect(); }

 private:
  kj::Own<kj::AsyncIoStream> stream_;
  capnp::TwoPartyClient client_;
};

// A URI is a secret: the file is for its owner's eyes.
void writeCapFile(const std::string& path, kj::StringPtr uri) {
  int fd;
  KJ_SYSCALL(fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), path);
  kj::FdOutputStream out((kj::AutoCloseFd(fd)));
  kj::String line = kj::str(uri, "\n");
  out.write(line.begin(), line.size());
}

// The handles are what keeps the exports alive.
std::vector<Export::Client> exportAll(kj::AsyncIoContext& io, Sidecar::Client sidecar,
                                      const std::string& folder) {
  std::vector<Export::Client> handles;
  for (const char* name : kNames) {
    auto request = sidecar.exportLiveRequest();
    request.setCapability(person(name));
    request.setLabel(name);
    auto response = request.send().wait(io.waitScope);
    writeCapFile(folder + "/" + name + ".cap", response.getUri());
    handles.push_back(response.getHandle().castAs<Export>());
  }
  return handles;
}

int run(const char* mode, const char* address, const char* folder) {
  auto io = kj::setupAsyncIo();
  Connection connection(io, address);
  std::vector<Export::Client> handles;
  if (std::strcmp(mode, "export") == 0) {
    mkdir(folder, 0755);
    handles = exportAll(io, connection.sidecar(), folder);
  } else {
    auto request = connection.sidecar().serveRequest();
    request.setApplication(kj::heap<House>());
    request.send().wait(io.waitScope);
  }
  std::printf("people-host: alice and bob are at home\n");
  std::fflush(stdout);
  connection.onDisconnect().wait(io.waitScope);
  std::fprintf(stderr, "people-host: the sidecar is gone\n");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool exports = argc == 4 && std::strcmp(argv[1], "export") == 0;
  const bool serves = argc == 3 && std::strcmp(argv[1], "serve") == 0;
  if (!exports && !serves) {
    std::fprintf(stderr,
                 "usage: people-host export unix:SOCKET FOLDER   exports while it runs, writes\n"
                 "                                               FOLDER/alice.cap and bob.cap\n"
                 "       people-host serve unix:SOCKET           is asked for alice and bob\n");
    return 64;
  }
  try {
    return run(argv[1], argv[2], exports ? argv[3] : nullptr);
  } catch (const kj::Exception& error) {
    std::fprintf(stderr, "people-host: %s: %s\n", argv[2], error.getDescription().cStr());
    return 1;
  }
}
