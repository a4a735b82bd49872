// SPDX-License-Identifier: Apache-2.0
//
// As much HTTP/1.1 as probes and scrapers need: one GET or HEAD without a body for each connection.
// Pure text in and out; the sockets are in admin.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vatmesh::admin {

inline constexpr size_t kMaxHeadBytes = 8192;

// The head of a request. The views point into the text that was parsed.
struct Request {
  std::string_view method;
  std::string_view path;   // without the query
  std::string_view query;  // behind '?', may be empty
  std::string_view accept;
};

enum class ParseResult : uint8_t {
  kIncomplete,  // more bytes are needed
  kComplete,
  kMalformed,  // answer 400
  kTooLarge,   // answer 431
};

// Reads the head that `text` begins with into `request`.
ParseResult parseRequest(std::string_view text, Request& request);

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// What goes over the wire for `response`, as the last on its connection; for HEAD without the body.
enum class Body : uint8_t { kSend, kOmit };
std::string formatResponse(const Response& response, Body body);

}  // namespace vatmesh::admin
