// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/sidecar_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "deploy/cli/exit_code.h"
#include "deploy/cli/sidecar_program.h"
#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"
#include "sidecar/config/print.h"
#include "sidecar/net/address.h"
#include "sidecar/net/socket.h"
#include "sidecar/tls/random.h"

namespace vatmesh::deploy {
namespace {

constexpr Duration kStartTime = std::chrono::seconds(20);
// A little more than the sidecar gives its peers to hang up.
constexpr Duration kEndTime = std::chrono::milliseconds(1500);
constexpr int kReadyFd = 3;

Status systemError(const char* what) {
  return {Code::kFailed, std::string(what) + ": " + net::errnoText(errno)};
}

// A name that nobody else can guess, and so take before the child does.
std::string newSocketName() {
  std::array<uint8_t, 16> random{};
  tls::SystemEntropy().fill(random);
  return "vatmesh-call-" + base64UrlEncode(random);
}

Result<config::Config> configOf(const sturdy::SturdyUri& uri, const std::string& key_file,
                                const std::string& socket) {
  config::Import import;
  import.name = SidecarChild::kImport;
  import.uri = uri;
  import.socket.address = "unix-abstract:" + socket;
  config::Config config;
  config.key_file = key_file;
  config.imports = {import};
  config.log.level = LogLevel::kError;
  return checkConfig(config);
}

// Above those that the child gets, so that none is written over before it has its place.
event::Fd moved(event::Fd fd) {
  return event::Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, kReadyFd + 1));
}

// In the child, between fork and exec: nothing that allocates.
[[noreturn]] void becomeChild(const char* path, char* const* argv, pid_t parent,
                              const std::array<int, 4>& descriptors) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(kUnreachable);
  for (int i = 0; i < static_cast<int>(descriptors.size()); ++i) dup2(descriptors[i], i);
  execv(path, argv);
  _exit(kUnreachable);
}

}  // namespace

Result<std::unique_ptr<SidecarChild>> SidecarChild::start(const sturdy::SturdyUri& uri,
                                                          const std::string& key_file) {
  Result<std::string> path = sidecarPath();
  if (!path) return path.status();
  std::unique_ptr<SidecarChild> child(new SidecarChild(newSocketName()));
  Result<config::Config> config = configOf(uri, key_file, child->socket_);
  if (!config) return config.status();
  Status status = child->run(*path, config::printConfig(*config));
  if (!status.ok()) return status;
  return child;
}

Status SidecarChild::run(const std::string& path, const std::string& config) {
  Result<event::Fd> input = memoryFile(config);
  if (!input) return input.status();
  event::Fd config_fd = moved(std::move(*input));
  words_ = moved(event::Fd(memfd_create("vatmesh-words", MFD_CLOEXEC)));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return systemError("pipe");
  event::Fd ready = moved(event::Fd(ends[0]));
  event::Fd ready_of_child = moved(event::Fd(ends[1]));
  if (!config_fd || !words_ || !ready || !ready_of_child) return systemError("descriptors");

  std::string words[] = {"vatmesh-sidecar", "--config", "-", "--ready-fd",
                         std::to_string(kReadyFd)};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(),
                  words[3].data(), words[4].data(), nullptr};
  const pid_t self = getpid();
  pid_ = fork();
  if (pid_ < 0) return systemError("fork");
  if (pid_ == 0) {
    becomeChild(path.c_str(), argv, self,
                {config_fd.get(), words_.get(), words_.get(), ready_of_child.get()});
  }
  ready_of_child.reset();
  return awaitReady(std::move(ready));
}

// The child writes a line when it is ready; when it ends before, the pipe does too.
Status SidecarChild::awaitReady(event::Fd ready) {
  pollfd wanted{.fd = ready.get(), .events = POLLIN, .revents = 0};
  const int time =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kStartTime).count());
  int got = 0;
  do {
    got = poll(&wanted, 1, time);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return {Code::kUnavailable, "vatmesh-sidecar did not become ready in time"};
  char byte = 0;
  ssize_t count = 0;
  do {
    count = read(ready.get(), &byte, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1 ? Status() : endError();
}

// What the sidecar said before it ended, with the code that its exit code stands for.
Status SidecarChild::endError() {
  awaitEnd(kStartTime);
  std::string text(4096, '\0');
  const ssize_t size = pread(words_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  // Of a line of the log, what it says.
  constexpr std::string_view kLogged = " error sidecar: ";
  const size_t logged = text.find(kLogged);
  if (logged != std::string::npos) text.erase(0, logged + kLogged.size());
  if (text.empty()) text = "vatmesh-sidecar ended and said nothing";
  if (!WIFEXITED(wait_status_)) return {Code::kFailed, text + " (killed)"};
  switch (WEXITSTATUS(wait_status_)) {
    case kUsage:
      return {Code::kInvalidArgument, text};
    case kRefused:
      return {Code::kRefused, text};
    case kUnreachable:
      return {Code::kUnavailable, text};
    default:
      return {Code::kFailed, text};
  }
}

// Whether the child ended within `time`.
bool SidecarChild::awaitEnd(Duration time) {
  // glibc has no function for it yet.
  event::Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (process) {
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    int got = 0;
    do {
      got = poll(&ended, 1, static_cast<int>(ms));
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
  }
  while (waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return true;
}

SidecarChild::~SidecarChild() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  if (awaitEnd(kEndTime)) return;
  kill(pid_, SIGKILL);
  awaitEnd(kEndTime);
}

Result<event::Fd> SidecarChild::connect() const {
  Result<net::Address> address = net::Address::parse("unix-abstract:" + socket_);
  if (!address) return address.status();
  Result<std::optional<net::SocketAddress>> numeric = net::numericAddress(*address);
  if (!numeric) return numeric.status();
  Result<event::Fd> fd = net::makeSocket(AF_UNIX);
  if (!fd) return fd;
  if (::connect(fd->get(), (*numeric)->get(), (*numeric)->length) != 0) {
    return systemError("connect to our sidecar");
  }
  ucred owner{};
  socklen_t size = sizeof owner;
  if (getsockopt(fd->get(), SOL_SOCKET, SO_PEERCRED, &owner, &size) != 0 || owner.pid != pid_) {
    return Status(Code::kRefused, "another process has the socket of our sidecar");
  }
  return fd;
}

}  // namespace vatmesh::deploy
