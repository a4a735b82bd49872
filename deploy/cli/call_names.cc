// SPDX-License-Identifier: Apache-2.0
//
// A descent over `(name = value, …)`, `[value, …]` and words, which knows what type each has.
#include "deploy/cli/call_names.h"

#include <cctype>
#include <string>
#include <vector>

#include "deploy/cli/names.h"

namespace vatmesh::deploy {
namespace {

// As deep as a message may be.
constexpr int kMaxDepth = 64;

class Descent {
 public:
  explicit Descent(std::string_view text) : text_(text) {}

  // Each returns false when something is unknown, or when the text isn't what it expects; then the
  // parser has the word.
  bool structure(capnp::StructSchema schema, int depth);

  const Status& status() const { return status_; }

 private:
  bool value(capnp::Type type, int depth);
  bool list(capnp::Type element, int depth);
  bool enumerant(capnp::EnumSchema schema);
  bool field(capnp::StructSchema schema, int depth);
  void skipBlanks();
  bool skipTo(char wanted);
  void skipValue();
  void skipString();
  std::string_view word();
  bool unknown(std::string_view kind, std::string_view name, capnp::Schema schema,
               std::vector<std::string> known);

  std::string_view text_;
  size_t at_ = 0;
  Status status_;
};

template <typename List>
std::vector<std::string> namesOf(List&& list) {
  std::vector<std::string> names;
  for (auto each : list) names.push_back(each.getProto().getName().cStr());
  return names;
}

// How messages name `schema`: the arguments of a method are a struct that nobody has named.
std::string placeOf(capnp::Schema schema) {
  std::string name = schema.getShortDisplayName().cStr();
  const size_t dollar = name.find("$Params");
  return dollar == std::string::npos ? name : "the arguments of " + name.substr(0, dollar);
}

void Descent::skipBlanks() {
  while (at_ < text_.size()) {
    if (text_[at_] == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (std::isspace(static_cast<unsigned char>(text_[at_])) == 0) {
      return;
    } else {
      ++at_;
    }
  }
}

bool Descent::skipTo(char wanted) {
  skipBlanks();
  if (at_ >= text_.size() || text_[at_] != wanted) return false;
  ++at_;
  return true;
}

void Descent::skipString() {
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] == '\\') ++at_;
  }
  ++at_;
}

// Skips one value of a type that has no names in it.
void Descent::skipValue() {
  skipBlanks();
  while (at_ < text_.size() && std::string_view(",)]").find(text_[at_]) == std::string_view::npos) {
    if (text_[at_] == '"') {
      skipString();
    } else {
      ++at_;
    }
  }
}

std::string_view Descent::word() {
  skipBlanks();
  const size_t begin = at_;
  while (at_ < text_.size() &&
         (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
    ++at_;
  }
  return text_.substr(begin, at_ - begin);
}

bool Descent::unknown(std::string_view kind, std::string_view name, capnp::Schema schema,
                      std::vector<std::string> known) {
  if (!name.empty()) status_ = unknownName(kind, name, placeOf(schema), known);
  return false;
}

bool Descent::structure(capnp::StructSchema schema, int depth) {
  if (depth > kMaxDepth || !skipTo('(')) return false;
  if (skipTo(')')) return true;
  do {
    if (!field(schema, depth)) return false;
  } while (skipTo(','));
  return skipTo(')');
}

bool Descent::field(capnp::StructSchema schema, int depth) {
  const std::string_view name = word();
  KJ_IF_MAYBE (known, schema.findFieldByName(kj::str(std::string(name)))) {
    return skipTo('=') && value(known->getType(), depth + 1);
  }
  return unknown("field", name, schema, namesOf(schema.getFields()));
}

bool Descent::value(capnp::Type type, int depth) {
  if (type.isStruct()) return structure(type.asStruct(), depth);
  if (type.isEnum()) return enumerant(type.asEnum());
  if (type.isList()) return list(type.asList().getElementType(), depth);
  skipValue();
  return true;
}

bool Descent::enumerant(capnp::EnumSchema schema) {
  const std::string_view name = word();
  if (schema.findEnumerantByName(kj::str(std::string(name))) != nullptr) return true;
  return unknown("enumerant", name, schema, namesOf(schema.getEnumerants()));
}

bool Descent::list(capnp::Type element, int depth) {
  if (depth > kMaxDepth || !skipTo('[')) return false;
  if (skipTo(']')) return true;
  do {
    if (!value(element, depth + 1)) return false;
  } while (skipTo(','));
  return skipTo(']');
}

}  // namespace

Status checkNames(std::string_view text, capnp::StructSchema schema) {
  Descent descent(text);
  descent.structure(schema, 0);
  return descent.status();
}

}  // namespace vatmesh::deploy
