// SPDX-License-Identifier: Apache-2.0
#include "book.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include <kj/debug.h>

namespace {

// Each line of the file: a name, a tab, and a message; without a tab the logger was made.
constexpr char kTab = '\t';

// A message is one line, whatever is in it.
std::string oneLine(std::string message) {
  for (char& c : message) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return message;
}

}  // namespace

Book::Book(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    // A last line that was cut off by the end of the machine is nobody's.
    if (file.eof()) break;
    size_t tab = line.find(kTab);
    lines_[line.substr(0, tab)] += tab == std::string::npos ? 0 : 1;
  }
  KJ_SYSCALL(fd_ = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600),
             path.c_str());
}

Book::~Book() {
  close(fd_);
}

void Book::make(const std::string& name) {
  if (has(name)) return;
  append(name);
  lines_[name] = 0;
}

uint32_t Book::log(const std::string& name, const std::string& message) {
  append(name + kTab + oneLine(message));
  return ++lines_[name];
}

void Book::append(const std::string& line) {
  std::string bytes = line + "\n";
  ssize_t written;
  KJ_SYSCALL(written = write(fd_, bytes.data(), bytes.size()));
  KJ_REQUIRE(static_cast<size_t>(written) == bytes.size(), "the disk is full");
  KJ_SYSCALL(fdatasync(fd_));
}
