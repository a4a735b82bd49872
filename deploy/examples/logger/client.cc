// SPDX-License-Identifier: Apache-2.0
// logger-client: writes to a logger that a sidecar's socket leads to, or makes one under it and
// keeps a reference to it as a file.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/io.h>
#include <kj/timer.h>

#include "logger.capnp.h"

namespace {

constexpr kj::Duration kPatience = 20 * kj::SECONDS;

class Session {
 public:
  explicit Session(const char* address)
      : io_(kj::setupAsyncIo()),
        stream_(within(io_.provider->getNetwork().parseAddress(address).then(
            [](kj::Own<kj::NetworkAddress>&& parsed) {
              auto connecting = parsed->connect();
              return connecting.attach(kj::mv(parsed));
            }))),
        client_(*stream_),
        logger_(client_.bootstrap().castAs<Logger>()) {}

  Logger::Client& logger() { return logger_; }

  // Waits for a promise; throws when it takes too long.
  template <typename T>
  T within(kj::Promise<T> promise) {
    return io_.provider->getTimer().timeoutAfter(kPatience, kj::mv(promise)).wait(io_.waitScope);
  }

 private:
  kj::AsyncIoContext io_;
  kj::Own<kj::AsyncIoStream> stream_;
  capnp::TwoPartyClient client_;
  Logger::Client logger_;
};

// The URI is a secret: nobody else reads the file, and nobody finds half of it.
void writeSecret(const std::string& path, const char* uri) {
  std::string fresh = path + ".new";
  unlink(fresh.c_str());
  int raw;
  KJ_SYSCALL(raw = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600),
             fresh.c_str());
  kj::AutoCloseFd fd(raw);
  std::string line = std::string(uri) + "\n";
  kj::FdOutputStream(fd.get()).write(line.data(), line.size());
  KJ_SYSCALL(fsync(fd));
  KJ_SYSCALL(rename(fresh.c_str(), path.c_str()), path.c_str());
}

void log(Session& session, const char* message) {
  auto request = session.logger().logRequest();
  request.setMessage(message);
  auto response = session.within<capnp::Response<Logger::LogResults>>(request.send());
  std::printf("%s: line %u\n", response.getName().cStr(), response.getLines());
}

void sub(Session& session, const char* label, const char* file) {
  auto request = session.logger().subRequest();
  request.setLabel(label);
  // Saved before it has arrived.
  auto saved =
      session.within<capnp::Response<capnp::Persistent<capnp::Text, capnp::Text>::SaveResults>>(
          request.send().getLogger().saveRequest().send());
  writeSecret(file, saved.getSturdyRef().cStr());
  std::printf("saved %s as %s\n", label, file);
}

// The cause without the trail that each hop adds in front of it.
const char* cause(const kj::Exception& error) {
  const char* text = error.getDescription().cStr();
  constexpr const char* kHop = "remote exception: ";
  while (std::strncmp(text, kHop, std::strlen(kHop)) == 0) text += std::strlen(kHop);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  bool logs = argc == 4 && std::strcmp(argv[2], "log") == 0;
  bool subs = argc == 5 && std::strcmp(argv[2], "sub") == 0;
  if (!logs && !subs) {
    std::fprintf(
        stderr,
        "usage: logger-client ADDRESS log MESSAGE\n"
        "       logger-client ADDRESS sub LABEL FILE   makes a logger, keeps its URI in FILE\n"
        "ADDRESS is unix:PATH or HOST:PORT\n");
    return 64;
  }
  try {
    Session session(argv[1]);
    logs ? log(session, argv[3]) : sub(session, argv[3], argv[4]);
  } catch (const kj::Exception& error) {
    std::fprintf(stderr, "logger-client: %s\n", cause(error));
    return 1;
  }
  return 0;
}
