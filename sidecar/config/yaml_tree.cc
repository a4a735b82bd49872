// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/yaml_tree.h"

#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

// Deeper than anything in a configuration.
constexpr size_t kMaxDepth = 16;

Place placeOf(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

// Turns the parser's events into a tree. After an error that makes the structure uncertain it only
// counts brackets, since a handler has no way to stop the parser.
class TreeBuilder : public YAML::EventHandler {
 public:
  // `text` is what the events come from; both outlive the builder.
  TreeBuilder(const std::string& text, Tree& tree) : text_(text), tree_(tree) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuseAnchor(mark, anchor);
    Node node;
    node.place = open_.empty() ? placeOf(mark) : open_.back().key_place;
    put(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    error(placeOf(mark), "YAML aliases are not allowed; write the value out");
    put(Node{});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuseAnchor(mark, anchor);
    refuseTag(mark, tag);
    if (tag == "!") refuseOpenQuote(mark);
    Node node;
    node.kind = Node::Kind::kScalar;
    node.place = placeOf(mark);
    node.text = value;
    node.quoted = tag == "!";
    put(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map whose end hasn't come yet.
  struct Open {
    Node node;
    std::string key;  // of the value to come
    Place key_place;
    bool has_key = false;
    std::map<std::string, Place> keys;  // seen so far
  };

  void error(Place place, std::string text) { tree_.errors.push_back({place, std::move(text)}); }

  void refuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      error(placeOf(mark), "YAML anchors are not allowed; write the value out where it is needed");
    }
  }

  void refuseTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      error(placeOf(mark), "YAML tags are not allowed; write the plain value");
    }
  }

  // yaml-cpp takes the end of the file for the closing quote, and so the rest of the file for text.
  void refuseOpenQuote(const YAML::Mark& mark) {
    size_t at = static_cast<size_t>(mark.pos);
    if (at >= text_.size() || (text_[at] != '\'' && text_[at] != '"')) return;
    const char quote_mark = text_[at];
    for (++at; at < text_.size() && text_[at] != quote_mark; ++at) {
      if (quote_mark == '"' && text_[at] == '\\') ++at;
    }
    if (at >= text_.size()) error(placeOf(mark), "a quote that is never closed; close it");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    refuseAnchor(mark, anchor);
    refuseTag(mark, tag);
    if (open_.size() >= kMaxDepth) {
      if (too_deep_++ == 0) error(placeOf(mark), "nested too deeply; no key needs that");
      return;
    }
    Open next;
    next.node.kind = kind;
    next.node.place = next.key_place = placeOf(mark);
    open_.push_back(std::move(next));
  }

  void close() {
    if (too_deep_ > 0) {
      --too_deep_;
      return;
    }
    Node done = std::move(open_.back().node);
    open_.pop_back();
    put(std::move(done));
  }

  void put(Node node) {
    if (too_deep_ > 0) return;
    if (open_.empty()) {
      tree_.root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      putKey(parent, node);
    } else {
      parent.has_key = false;
      parent.node.entries.push_back({std::move(parent.key), parent.key_place, std::move(node)});
    }
  }

  void putKey(Open& parent, Node& node) {
    if (node.kind != Node::Kind::kScalar) {
      error(node.place, "a key must be a word; the value follows behind ': '");
    } else if (auto [first, added] = parent.keys.emplace(node.text, node.place); !added) {
      error(node.place, "key " + quote(node.text) + " stands here a second time (first in line " +
                            std::to_string(first->second.line) + "); keep one of the two");
    }
    parent.key = std::move(node.text);
    parent.key_place = node.place;
    parent.has_key = true;
  }

  const std::string& text_;
  Tree& tree_;
  std::vector<Open> open_;
  size_t too_deep_ = 0;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Tree parseYaml(const std::string& text) {
  Tree tree;
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    TreeBuilder builder(text, tree);
    if (!parser.HandleNextDocument(builder)) return tree;
    Tree second;
    TreeBuilder ignored(text, second);
    if (parser.HandleNextDocument(ignored)) {
      tree.errors.push_back({{1, 1}, "several YAML documents in one file; keep one of them"});
    }
  } catch (const YAML::Exception& e) {
    Place place = e.mark.is_null() ? Place{} : placeOf(e.mark);
    tree.errors.push_back({place, "not YAML (" + e.msg + "); check indentation and quotes here"});
  } catch (const std::exception& e) {
    tree.errors.push_back({{}, std::string("not YAML (") + e.what() + "); check the file"});
  }
  return tree;
}

}  // namespace vatmesh::config
