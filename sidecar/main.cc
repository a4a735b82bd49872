// SPDX-License-Identifier: Apache-2.0
//
// vatmesh-sidecar: command line, configuration, log; then the Sidecar runs until a signal.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/load.h"
#include "sidecar/config/scalar.h"
#include "sidecar/exit_code.h"
#include "sidecar/sidecar.h"
#include "sidecar/version.h"

namespace vatmesh {
namespace {

constexpr std::string_view kUsage =
    "usage: vatmesh-sidecar --config FILE [--print-uris] [--ready-fd N] [CAP'N PROTO OPTIONS]\n"
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
    "wrong.\n\n";

struct Flags {
  std::string config;
  config::CapnpOptions capnp;  // over the file, or instead of it
  bool print_uris = false;
  int ready_fd = -1;
  bool version = false;
  bool help = false;
};

// A descriptor that is open, and not passed on to an application.
Result<int> parseDescriptor(const std::string& text) {
  const std::optional<uint64_t> number = config::parseCount(text);
  if (number && *number > STDERR_FILENO && *number <= INT_MAX) {
    const int fd = static_cast<int>(*number);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return fd;
  }
  return Status(Code::kInvalidArgument,
                "--ready-fd " + config::quote(text) + " is no open descriptor above 2");
}

Status givenTwice(std::string_view flag) {
  return {Code::kInvalidArgument, std::string(flag) + " is given twice; keep one of them"};
}

// Whether words[at] is `flag`, as `--flag VALUE` or `--flag=VALUE`; `value` is null when it has
// none, else `at` is left at the last word of it.
bool isFlag(const std::vector<std::string>& words, std::string_view flag, size_t& at,
            std::optional<std::string>& value) {
  const std::string& word = words[at];
  if (!word.starts_with(flag)) return false;
  value.reset();
  if (word.size() == flag.size()) {
    if (at + 1 < words.size()) value = words[++at];
    return true;
  }
  if (word[flag.size()] != '=') return false;
  value = word.substr(flag.size() + 1);
  return true;
}

// Reads the command line; the text of an error is for the user.
Status parseFlags(const std::vector<std::string>& words, Flags& flags) {
  std::optional<std::string> value;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& flag = words[i];
    if (isFlag(words, "--config", i, value)) {
      if (!value || value->empty()) {
        return Status(Code::kInvalidArgument, "--config needs the name of a file");
      }
      if (!flags.config.empty()) return givenTwice("--config");
      flags.config = *value;
    } else if (config::looksLikeCapnpOption(flag)) {
      Result<size_t> next = config::takeCapnpOption(words, i, flags.capnp);
      if (!next.ok()) return next.status();
      i = *next - 1;
    } else if (flag == "--print-uris") {
      flags.print_uris = true;
    } else if (isFlag(words, "--ready-fd", i, value)) {
      Result<int> fd = parseDescriptor(value.value_or(""));
      if (!fd.ok()) return fd.status();
      if (flags.ready_fd >= 0) return givenTwice("--ready-fd");
      flags.ready_fd = *fd;
    } else if (flag == "--version") {
      flags.version = true;
    } else if (flag == "--help" || flag == "-h") {
      flags.help = true;
    } else {
      return Status(Code::kInvalidArgument, config::quote(flag) + " is unknown");
    }
  }
  if (!flags.config.empty() || flags.version || flags.help) return Status();
  if (!flags.capnp.any()) return Status(Code::kInvalidArgument, "--config is missing");
  return config::checkComplete(flags.capnp);
}

void print(std::string_view text, FILE* to) {
  std::fprintf(to, "%.*s", static_cast<int>(text.size()), text.data());
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
std::optional<config::Config> loadConfig(const Flags& flags) {
  Result<config::Source> source =
      flags.config.empty() ? config::sourceWithoutFile() : config::readSource(flags.config);
  if (!source.ok()) {
    std::fprintf(stderr, "vatmesh-sidecar: %s\n", source.status().message().c_str());
    return std::nullopt;
  }
  source->options = flags.capnp;
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
  const Status parsed = parseFlags({arguments + 1, arguments + count}, flags);
  if (!parsed.ok()) {
    std::fprintf(stderr, "vatmesh-sidecar: %s\n", parsed.message().c_str());
    print(kUsage.substr(0, kUsage.find('\n') + 1), stderr);
    print("vatmesh-sidecar --help tells more\n", stderr);
    return kExitUsage;
  }
  if (flags.help) {
    print(kUsage, stdout);
    print(config::kCapnpOptionsHelp, stdout);
    return kExitOk;
  }
  if (flags.version) {
    std::printf("vatmesh-sidecar %.*s\n", static_cast<int>(kVersion.size()), kVersion.data());
    return kExitOk;
  }
  // A peer that goes away while we write to it, and a file that may not grow any more, are errors
  // of those writes, not the end of us.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  std::optional<config::Config> config = loadConfig(flags);
  if (!config) return kExitUsage;
  return serve(std::move(*config), flags);
}

}  // namespace
}  // namespace vatmesh

int main(int count, char** arguments) {
  return vatmesh::run(count, arguments);
}
