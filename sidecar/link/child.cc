// SPDX-License-Identifier: Apache-2.0
//
// posix_spawn: it needs no copy of our memory, and nothing of ours runs in the child.
#include "sidecar/link/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sidecar/net/socket.h"

namespace vatmesh::link {
namespace {

constexpr int kChildFd = 3;
constexpr std::string_view kVariable = "VATMESH_FD=";
// Stock C++ servers take the send buffer of their socket as the window of a stream.
constexpr int kSendBuffer = 1 << 20;

// Our environment with VATMESH_FD=3.
std::vector<std::string> childEnvironment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(kVariable)) out.emplace_back(*entry);
  }
  out.push_back(std::string(kVariable) + std::to_string(kChildFd));
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Runs `command` with `socket` as its descriptor 3; an errno, or 0 and its process id.
int spawn(std::vector<std::string> command, int socket, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, socket, kChildFd);
  // Ignored signals would stay ignored in the child.
  sigset_t defaults;
  sigset_t none;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::vector<std::string> environment = childEnvironment();
  const int error = posix_spawnp(&pid, command[0].c_str(), &actions, &attributes,
                                 pointers(command).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int exitCode(int wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return 70;
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(event::Loop& loop,
                                            const std::vector<std::string>& command,
                                            OnExit on_exit) {
  Result<net::SocketPair> pair = net::makeSocketPair();
  if (!pair.ok()) return pair.status();
  const int blocking_fd = pair->second.get();
  setsockopt(blocking_fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  pid_t pid = 0;
  const int error = spawn(command, blocking_fd, pid);
  if (error != 0) {
    const Code code = error == EACCES ? Code::kRefused : Code::kUnavailable;
    return Status(code, "can't start the application " + command[0] + ": " + net::errnoText(error) +
                            ": is it installed, and in PATH?");
  }
  return std::unique_ptr<Child>(new Child(loop, pid, std::move(pair->first), std::move(on_exit)));
}

Child::Child(event::Loop& loop, pid_t pid, event::Fd socket, OnExit on_exit)
    : socket_(std::move(socket)),
      watcher_(loop, pid, [on_exit = std::move(on_exit)](int wait_status) {
        on_exit(exitCode(wait_status));
      }) {}

Child::~Child() {
  signal(SIGTERM);
}

void Child::signal(int signal_number) {
  if (running()) ::kill(watcher_.pid(), signal_number);
}

}  // namespace vatmesh::link
