// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/sidecar_program.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "deploy/cli/command.h"
#include "sidecar/config/load.h"
#include "sidecar/config/print.h"

namespace vatmesh::deploy {
namespace {

constexpr const char* kSidecar = "vatmesh-sidecar";

Status failed(const char* what) {
  return {Code::kFailed, std::string(what) + ": " + std::strerror(errno)};
}

// Makes `text` the standard input.
Status putOnStandardInput(const std::string& text) {
  Result<event::Fd> file = memoryFile(text);
  if (!file) return file.status();
  if (dup2(file->get(), STDIN_FILENO) < 0) return failed("dup2");
  // With standard input closed at our start the file may be that descriptor already, which dup2
  // leaves marked to be closed.
  if (file->get() == STDIN_FILENO)
    return Status(Code::kFailed, "standard input is closed; give it /dev/null");
  return {};
}

}  // namespace

Result<std::string> sidecarPath() {
  std::error_code error;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Status(Code::kUnavailable, "/proc/self/exe: " + error.message());
  std::filesystem::path sidecar = self.parent_path() / kSidecar;
  if (access(sidecar.c_str(), X_OK) != 0) {
    return Status(Code::kUnavailable, sidecar.string() + ": " + std::strerror(errno) +
                                          ": install vatmesh-sidecar beside vatmesh");
  }
  return sidecar.string();
}

Result<event::Fd> memoryFile(const std::string& text) {
  event::Fd file(memfd_create("vatmesh-config", MFD_CLOEXEC));
  if (!file) return failed("memfd_create");
  for (size_t done = 0; done < text.size();) {
    ssize_t count = write(file.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("write");
    done += static_cast<size_t>(count);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return failed("lseek");
  return file;
}

Result<config::Config> checkConfig(const config::Config& config) {
  std::error_code error;
  config::Source source;
  source.file_name = "configuration made from the flags";
  source.text = config::printConfig(config);
  source.base_folder = std::filesystem::current_path(error).string();
  if (error) return Status(Code::kFailed, "the current folder can't be found: " + error.message());
  config::Loaded loaded = config::load(source);
  if (loaded.config) return std::move(*loaded.config);
  std::string text;
  for (const std::string& line : loaded.errors) {
    // Lines and columns of a text that the user never saw would only puzzle.
    size_t begin = line.find(": ");
    text += (text.empty() ? "" : "\nvatmesh: ") + line.substr(begin + 2);
  }
  return Status(Code::kInvalidArgument, text);
}

int becomeSidecar(const config::Config& config, const std::vector<std::string>& more_arguments) {
  Result<std::string> path = sidecarPath();
  if (!path) return complain(path.status());
  Status status = putOnStandardInput(config::printConfig(config));
  if (!status.ok()) return complain(status);
  std::vector<std::string> words{kSidecar, "--config", "-"};
  words.insert(words.end(), more_arguments.begin(), more_arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(path->c_str(), argv.data());
  return complain(*path + ": " + std::strerror(errno), kUnreachable);
}

}  // namespace vatmesh::deploy
