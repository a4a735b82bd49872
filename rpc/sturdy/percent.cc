// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/percent.h"

namespace vatmesh::sturdy {
namespace {

constexpr std::string_view kSubDelims = "!$&'()*+,;=";

// Locale must not matter, hence no <cctype>.
bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool escapeAt(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && hexValue(text[1]) >= 0 && hexValue(text[2]) >= 0;
}

template <typename Bare>
std::string encode(std::string_view text, Bare bare) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (bare(c)) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace

std::string percentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (escapeAt(text)) {
      out += static_cast<char>(hexValue(text[1]) * 16 + hexValue(text[2]));
      text.remove_prefix(3);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string percentEncodePath(std::string_view segment) {
  return encode(segment, [](char c) {
    return unreserved(c) || c == ':' || c == '@' || kSubDelims.find(c) != std::string_view::npos;
  });
}

std::string percentEncodeHost(std::string_view host) {
  return encode(host, unreserved);
}

std::string normalizePath(std::string_view path) {
  std::string out;
  for (;;) {
    size_t slash = path.find('/');
    out += percentEncodePath(percentDecode(path.substr(0, slash)));
    if (slash == std::string_view::npos) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

size_t bareOrEscaped(std::string_view text) {
  if (text.empty()) return 0;
  if (unreserved(text[0]) || kSubDelims.find(text[0]) != std::string_view::npos) return 1;
  return escapeAt(text) ? 3 : 0;
}

}  // namespace vatmesh::sturdy
