// SPDX-License-Identifier: Apache-2.0
//
// A YAML document as a plain tree that remembers places. Built from the parser's events, so that
// what the parser lets pass is refused here: duplicate keys, aliases, anchors, tags, great depth.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vatmesh::config {

// Lines and columns from 1.
struct Place {
  int line = 1;
  int column = 1;

  auto operator<=>(const Place&) const = default;
};

struct Diagnostic {
  Place place;
  std::string text;  // "what is wrong; what would be right"
};

struct Node {
  struct Entry;
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Place place;                 // of a null: its key, since the parser's own mark lies behind it
  std::string text;            // kScalar
  bool quoted = false;         // kScalar
  std::vector<Node> items;     // kList
  std::vector<Entry> entries;  // kMap, in the order of the file

  // The value of `key`, or null.
  const Node* find(std::string_view key) const;
};

struct Node::Entry {
  std::string key;
  Place place;
  Node value;
};

struct Tree {
  Node root;
  std::vector<Diagnostic> errors;  // when not empty, `root` is not to be used
};

Tree parseYaml(const std::string& text);

}  // namespace vatmesh::config
