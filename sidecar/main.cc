// SPDX-License-Identifier: Apache-2.0
//
// vatmesh-sidecar: command line, configuration, log; then the Sidecar runs until a signal.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include "sidecar/config/load.h"
#include "sidecar/config/scalar.h"
#include "sidecar/exit_code.h"
#include "sidecar/sidecar.h"
#include "sidecar/version.h"

namespace vatmesh {
namespace {

constexpr std::string_view kUsage =
    "usage: vatmesh-sidecar --config FILE [--print-uris] [--ready-fd N]\n"
    "Connects an application to other vats, as the configuration says.\n"
    "  --config FILE  YAML; \"-\" reads standard input, and paths are relative to the current "
    "folder\n"
    "  --print-uris   when ready, print each export's name and URI, or the URI alone if there is "
    "one\n"
    "  --ready-fd N   when ready, write an empty line to descriptor N and close it\n"
    "  --version      print the version\n"
    "  --help         print this\n"
    "Ends with 0 after SIGTERM, with the application's status if it runs it, 64 for wrong usage "
    "or\n"
    "configuration, 69 when an address or program can't be used, 77 when the key or a right is "
    "wrong.\n";

struct Flags {
  std::string config;
  bool print_uris = false;
  int ready_fd = -1;
  bool version = false;
  bool help = false;
};

// Says on stderr what is wrong with `text`.
bool parseDescriptor(const char* text, int& out) {
  const std::optional<uint64_t> number = config::parseCount(text);
  if (number && *number > STDERR_FILENO && *number <= INT_MAX) {
    out = static_cast<int>(*number);
    if (fcntl(out, F_SETFD, FD_CLOEXEC) == 0) return true;
  }
  std::fprintf(stderr, "vatmesh-sidecar: --ready-fd %s is no open descriptor above 2\n",
               config::quote(text).c_str());
  return false;
}

// Reads the command line; says on stderr what is wrong with it.
bool parseFlags(int count, char** arguments, Flags& flags) {
  for (int i = 1; i < count; ++i) {
    const std::string_view flag = arguments[i];
    if (flag == "--config" && i + 1 < count) {
      flags.config = arguments[++i];
    } else if (flag.starts_with("--config=")) {
      flags.config = flag.substr(std::string_view("--config=").size());
    } else if (flag == "--print-uris") {
      flags.print_uris = true;
    } else if (flag == "--ready-fd" && i + 1 < count) {
      if (!parseDescriptor(arguments[++i], flags.ready_fd)) return false;
    } else if (flag == "--version") {
      flags.version = true;
    } else if (flag == "--help" || flag == "-h") {
      flags.help = true;
    } else {
      const std::string what = flag == "--config" ? "--config needs the name of a file"
                                                  : config::quote(flag) + " is unknown";
      std::fprintf(stderr, "vatmesh-sidecar: %s\n", what.c_str());
      return false;
    }
  }
  if (flags.config.empty() && !flags.version && !flags.help) {
    std::fprintf(stderr, "vatmesh-sidecar: --config is missing\n");
    return false;
  }
  return true;
}

// The current time in UTC, with milliseconds.
std::string timeStamp() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03ldZ", now.tv_nsec / 1'000'000);
  return text;
}

// One write for each line, so that lines of several processes don't mix.
void writeLine(std::string_view line) {
  std::string text(line);
  text += '\n';
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

void printUris(const Sidecar& sidecar) {
  const bool alone = sidecar.uris().size() == 1;
  for (const auto& [name, uri] : sidecar.uris()) {
    if (!alone) std::printf("%s ", name.c_str());
    std::printf("%s\n", uri.c_str());
  }
  std::fflush(stdout);
}

// The configuration, or every error on stderr.
std::optional<config::Config> loadConfig(const std::string& path) {
  Result<config::Source> source = config::readSource(path);
  if (!source.ok()) {
    std::fprintf(stderr, "vatmesh-sidecar: %s\n", source.status().message().c_str());
    return std::nullopt;
  }
  config::Loaded loaded = config::load(*source);
  for (const std::string& error : loaded.errors) std::fprintf(stderr, "%s\n", error.c_str());
  return std::move(loaded.config);
}

// For a program that started us and waits. When it doesn't any more, nothing is lost.
void tellReady(int fd) {
  [[maybe_unused]] const ssize_t written = write(fd, "\n", 1);
  close(fd);
}

int serve(config::Config config, const Flags& flags) {
  Logger log(config.log.level, config.log.format, writeLine, timeStamp);
  event::Loop loop;
  Sidecar sidecar(loop, log, std::move(config));
  sidecar.whenReady([&sidecar, &flags] {
    if (flags.print_uris) printUris(sidecar);
    if (flags.ready_fd >= 0) tellReady(flags.ready_fd);
  });
  const Status status = sidecar.start();
  if (!status.ok()) {
    log.error("sidecar", status.message());
    return exitCodeFor(status);
  }
  loop.run();
  return sidecar.exitCode();
}

int run(int count, char** arguments) {
  Flags flags;
  if (!parseFlags(count, arguments, flags)) {
    std::fprintf(stderr, "%.*s", static_cast<int>(kUsage.size()), kUsage.data());
    return kExitUsage;
  }
  if (flags.help) {
    std::printf("%.*s", static_cast<int>(kUsage.size()), kUsage.data());
    return kExitOk;
  }
  if (flags.version) {
    std::printf("vatmesh-sidecar %.*s\n", static_cast<int>(kVersion.size()), kVersion.data());
    return kExitOk;
  }
  // A peer that goes away while we write to it is an error of that write, not the end of us.
  signal(SIGPIPE, SIG_IGN);
  std::optional<config::Config> config = loadConfig(flags.config);
  if (!config) return kExitUsage;
  return serve(std::move(*config), flags);
}

}  // namespace
}  // namespace vatmesh

int main(int count, char** arguments) {
  return vatmesh::run(count, arguments);
}
