// SPDX-License-Identifier: Apache-2.0
//
// Strict where leniency has hurt others: bare LF, blanks before a colon and folded lines are
// errors.
#include "sidecar/admin/http.h"

#include <algorithm>
#include <cctype>

namespace vatmesh::admin {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

bool isToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) || kOthers.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool isTarget(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(),
                                              [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

bool sameName(std::string_view name, std::string_view lower) {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
}

bool parseRequestLine(std::string_view line, Request& request) {
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == std::string_view::npos || first == second) return false;
  request.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!isToken(request.method) || !isTarget(target)) return false;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return false;
  const size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  request.query = target.substr(std::min(mark + 1, target.size()));
  return true;
}

bool parseHeader(std::string_view line, Request& request) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) return false;
  if (!sameName(line.substr(0, colon), "accept")) return true;
  std::string_view value = line.substr(colon + 1);
  const size_t first = value.find_first_not_of(" \t");
  request.accept = first == std::string_view::npos ? std::string_view() : value.substr(first);
  return true;
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

ParseResult parseRequest(std::string_view text, Request& request) {
  const size_t end = text.find(kHeadEnd);
  if (end == std::string_view::npos) {
    return text.size() >= kMaxHeadBytes ? ParseResult::kTooLarge : ParseResult::kIncomplete;
  }
  if (end + kHeadEnd.size() > kMaxHeadBytes) return ParseResult::kTooLarge;
  std::string_view head = text.substr(0, end);
  const auto nextLine = [&head] {
    const size_t size = std::min(head.find(kLineEnd), head.size());
    const std::string_view line = head.substr(0, size);
    head.remove_prefix(std::min(size + kLineEnd.size(), head.size()));
    return line;
  };
  request = {};
  if (!parseRequestLine(nextLine(), request)) return ParseResult::kMalformed;
  while (!head.empty()) {
    if (!parseHeader(nextLine(), request)) return ParseResult::kMalformed;
  }
  return ParseResult::kComplete;
}

std::string formatResponse(const Response& response, Body body) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(reason(response.status)).append(kLineEnd);
  if (response.status == 405) out.append("Allow: GET, HEAD").append(kLineEnd);
  out.append("Content-Type: ").append(response.content_type).append(kLineEnd);
  out.append("Content-Length: ").append(std::to_string(response.body.size())).append(kLineEnd);
  out.append("Cache-Control: no-store").append(kLineEnd);
  out.append("Connection: close").append(kHeadEnd);
  if (body == Body::kSend) out += response.body;
  return out;
}

}  // namespace vatmesh::admin
