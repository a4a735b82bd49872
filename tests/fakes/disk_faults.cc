// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/disk_faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <mutex>
#include <set>
#include <utility>

namespace vatmesh::test {
namespace {

enum class Kind : uint8_t { kWrite, kName, kUnlink, kTruncate, kSync };

// What the caller of a real function is to do.
struct Verdict {
  int error_number = 0;
  bool half = false;  // do half of the write
  bool kill = false;  // then die
};

struct State {
  std::string folder;
  uint64_t calls = 0, syncs = 0;
  uint64_t kill_at = 0, fail_from = 0;
  DiskFaults::Tear tear = DiskFaults::Tear::kNothing;
  int error_number = 0;
  bool skip_sync = false, cut_short = false;
  std::set<std::string> dirty_files, dirty_names;
};

std::atomic<State*> g_state = nullptr;
// Never destroyed: threads may still write at exit.
std::mutex& stateMutex() {
  static auto* mutex = new std::mutex;
  return *mutex;
}

template <typename F>
F real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

std::string pathOf(int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof(path));
  std::string text(path, size > 0 ? static_cast<size_t>(size) : 0);
  // So the kernel shows files without a name.
  if (text.ends_with(" (deleted)")) text.resize(text.size() - 10);
  return text;
}

bool under(const State& state, const std::string& path) {
  return path == state.folder || path.starts_with(state.folder + "/");
}

bool volatileFile(const std::string& path) {
  return path.ends_with("-shm") || path.ends_with("/.lock");
}

std::string parentOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool failsWith(int error_number, Kind kind) {
  if (error_number == EROFS) return kind != Kind::kSync;
  return kind != Kind::kUnlink;
}

// Counts a call and decides its fate. The mutex is held.
Verdict judge(State& state, Kind kind) {
  ++state.calls;
  if (state.kill_at != 0 && state.calls == state.kill_at) {
    return {.half = kind == Kind::kWrite && state.tear == DiskFaults::Tear::kHalf, .kill = true};
  }
  if (state.fail_from != 0 && state.calls >= state.fail_from &&
      failsWith(state.error_number, kind)) {
    if (kind == Kind::kWrite && state.error_number != EROFS &&
        !std::exchange(state.cut_short, true)) {
      return {.half = true};
    }
    return {.error_number = state.error_number};
  }
  return {};
}

// Does one changing call on `path`: `act(half)` is the real one, `done` notes its success.
template <typename Act, typename Done>
auto change(Kind kind, const std::string& path, Act act, Done done) -> decltype(act(false)) {
  State* state = g_state.load();
  if (state == nullptr) return act(false);
  Verdict verdict;
  {
    std::lock_guard lock(stateMutex());
    if (!under(*state, path)) {
      verdict = {};
      state = nullptr;
    } else {
      verdict = judge(*state, kind);
    }
  }
  if (state == nullptr) return act(false);
  if (verdict.kill && !verdict.half) ::kill(::getpid(), SIGKILL);
  if (verdict.error_number != 0) {
    errno = verdict.error_number;
    return -1;
  }
  const auto result = act(verdict.half);
  if (verdict.kill) ::kill(::getpid(), SIGKILL);
  if (result >= 0) {
    const int error_number = errno;
    std::lock_guard lock(stateMutex());
    done(*state);
    errno = error_number;
  }
  return result;
}

void dirtyFile(State& state, const std::string& path) {
  if (!volatileFile(path)) state.dirty_files.insert(path);
}

void dirtyName(State& state, const std::string& path) {
  if (!volatileFile(path)) state.dirty_names.insert(path);
}

size_t part(size_t size, bool half) {
  return half ? (size + 1) / 2 : size;
}

int openFile(const char* name, const char* path, int flags, mode_t mode) {
  using Open = int (*)(const char*, int, ...);
  auto act = [&](bool) { return real<Open>(name)(path, flags, mode); };
  struct stat st;
  const bool there = ::stat(path, &st) == 0;
  const bool creates = (flags & O_CREAT) != 0 && !there;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!creates && !writes) return act(false);
  if (!creates && (flags & O_TRUNC) == 0) {
    // Opening changes nothing, but a read-only disk refuses it.
    State* state = g_state.load();
    if (state == nullptr) return act(false);
    std::unique_lock lock(stateMutex());
    if (under(*state, path) && state->fail_from != 0 && state->error_number == EROFS &&
        state->calls + 1 >= state->fail_from) {
      errno = EROFS;
      return -1;
    }
    lock.unlock();
    return act(false);
  }
  return change(creates ? Kind::kName : Kind::kTruncate, path, act, [&](State& state) {
    if (creates) dirtyName(state, path);
    dirtyFile(state, path);
  });
}

int syncFile(const char* name, int fd) {
  if (g_state.load() == nullptr) return real<int (*)(int)>(name)(fd);
  const std::string path = pathOf(fd);
  return change(
      Kind::kSync, path,
      [&](bool) {
        const State* state = g_state.load();
        return state != nullptr && state->skip_sync ? 0 : real<int (*)(int)>(name)(fd);
      },
      [&](State& state) {
        ++state.syncs;
        state.dirty_files.erase(path);
        std::erase_if(state.dirty_names, [&](const auto& p) { return parentOf(p) == path; });
      });
}

int truncateFile(const char* name, int fd, off_t size) {
  if (g_state.load() == nullptr) return real<int (*)(int, off_t)>(name)(fd, size);
  const std::string path = pathOf(fd);
  return change(
      Kind::kTruncate, path, [&](bool) { return real<int (*)(int, off_t)>(name)(fd, size); },
      [&](State& state) { dirtyFile(state, path); });
}

ssize_t writeAt(const char* name, int fd, const void* data, size_t size, off_t offset) {
  using Write = ssize_t (*)(int, const void*, size_t, off_t);
  if (g_state.load() == nullptr) return real<Write>(name)(fd, data, size, offset);
  const std::string path = pathOf(fd);
  return change(
      Kind::kWrite, path,
      [&](bool half) { return real<Write>(name)(fd, data, part(size, half), offset); },
      [&](State& state) { dirtyFile(state, path); });
}

}  // namespace

DiskFaults::DiskFaults(std::string folder) {
  auto* state = new State;
  state->folder = std::move(folder);
  g_state = state;
}

DiskFaults::~DiskFaults() {
  delete g_state.exchange(nullptr);
}

void DiskFaults::killAt(uint64_t call, Tear tear) {
  std::lock_guard lock(stateMutex());
  State& state = *g_state;
  state.calls = 0;
  state.kill_at = call;
  state.tear = tear;
}

void DiskFaults::failFrom(uint64_t call, int error_number) {
  std::lock_guard lock(stateMutex());
  State& state = *g_state;
  state.calls = 0;
  state.fail_from = call;
  state.error_number = error_number;
  state.cut_short = false;
}

void DiskFaults::heal() {
  failFrom(0, 0);
}

void DiskFaults::skipSync() {
  std::lock_guard lock(stateMutex());
  g_state.load()->skip_sync = true;
}

uint64_t DiskFaults::calls() const {
  std::lock_guard lock(stateMutex());
  return g_state.load()->calls;
}

uint64_t DiskFaults::syncs() const {
  std::lock_guard lock(stateMutex());
  return g_state.load()->syncs;
}

std::vector<std::string> DiskFaults::unsynced() const {
  std::lock_guard lock(stateMutex());
  const State& state = *g_state;
  std::vector<std::string> all(state.dirty_files.begin(), state.dirty_files.end());
  for (const std::string& name : state.dirty_names) all.push_back("the name of " + name);
  return all;
}

}  // namespace vatmesh::test

// The functions that stand in the place of libc's.
extern "C" {

using vatmesh::test::Kind;

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return vatmesh::test::openFile("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return vatmesh::test::openFile("open64", path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  using Write = ssize_t (*)(int, const void*, size_t);
  if (vatmesh::test::g_state.load() == nullptr) {
    return vatmesh::test::real<Write>("write")(fd, data, size);
  }
  const std::string path = vatmesh::test::pathOf(fd);
  return vatmesh::test::change(
      Kind::kWrite, path,
      [&](bool half) {
        return vatmesh::test::real<Write>("write")(fd, data, vatmesh::test::part(size, half));
      },
      [&](auto& state) { vatmesh::test::dirtyFile(state, path); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return vatmesh::test::writeAt("pwrite", fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return vatmesh::test::writeAt("pwrite64", fd, data, size, offset);
}

int ftruncate(int fd, off_t size) noexcept {
  return vatmesh::test::truncateFile("ftruncate", fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  return vatmesh::test::truncateFile("ftruncate64", fd, size);
}

int fsync(int fd) {
  return vatmesh::test::syncFile("fsync", fd);
}

int fdatasync(int fd) {
  return vatmesh::test::syncFile("fdatasync", fd);
}

int rename(const char* from, const char* to) noexcept {
  using Rename = int (*)(const char*, const char*);
  return vatmesh::test::change(
      Kind::kName, from, [&](bool) { return vatmesh::test::real<Rename>("rename")(from, to); },
      [&](auto& state) {
        if (state.dirty_files.erase(from) > 0) vatmesh::test::dirtyFile(state, to);
        vatmesh::test::dirtyName(state, from);
        vatmesh::test::dirtyName(state, to);
      });
}

int unlink(const char* path) noexcept {
  return vatmesh::test::change(
      Kind::kUnlink, path,
      [&](bool) { return vatmesh::test::real<int (*)(const char*)>("unlink")(path); },
      [&](auto& state) {
        state.dirty_files.erase(path);
        vatmesh::test::dirtyName(state, path);
      });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return vatmesh::test::change(
      Kind::kName, path,
      [&](bool) { return vatmesh::test::real<int (*)(const char*, mode_t)>("mkdir")(path, mode); },
      [&](auto& state) { vatmesh::test::dirtyName(state, path); });
}

int access(const char* path, int mode) noexcept {
  const auto* state = vatmesh::test::g_state.load();
  if (state != nullptr && (mode & W_OK) != 0) {
    std::lock_guard lock(vatmesh::test::stateMutex());
    if (vatmesh::test::under(*state, path) && state->fail_from != 0 &&
        state->error_number == EROFS) {
      errno = EROFS;
      return -1;
    }
  }
  return vatmesh::test::real<int (*)(const char*, int)>("access")(path, mode);
}

}  // extern "C"
