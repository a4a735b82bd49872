// SPDX-License-Identifier: Apache-2.0
// Book is all that the server keeps: a file with a line for each logger that was made and for each
// message. Who is killed finds in it what callers were told.
#pragma once

#include <cstdint>
#include <map>
#include <string>

class Book {
 public:
  // Reads the file, which is made when it is missing. Throws when that can't be done.
  explicit Book(const std::string& path);
  ~Book();
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  bool has(const std::string& name) const { return lines_.count(name) > 0; }
  // Makes a logger, unless it is there.
  void make(const std::string& name);
  // Returns how many lines the logger has then.
  uint32_t log(const std::string& name, const std::string& message);

 private:
  void append(const std::string& line);

  int fd_;
  std::map<std::string, uint32_t> lines_;
};
