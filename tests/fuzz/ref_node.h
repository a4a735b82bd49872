// SPDX-License-Identifier: Apache-2.0
//
// What a capability is inside a RefVat. As in every vat there are two ways to send to one:
//   along the reference   RefVat::follow() first: where resolutions lead by now
//   along the pin         RefVat::sendAlong(): what is addressed to an export or an answer's path
//                         goes where that was announced to lead, whatever happened later
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/wire/envelope.h"
#include "tests/fuzz/content.h"
#include "tests/fuzz/shadow.h"

namespace vatmesh::fuzz {

struct RefLink;
struct Struct;

enum class NodeKind : uint8_t { kObject, kBroken, kPromise, kImport, kPath };

struct Node {
  explicit Node(NodeKind node_kind) : kind(node_kind) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  const NodeKind kind;
};
using Cap = std::shared_ptr<Node>;

// A service of the application.
struct Object final : Node {
  explicit Object(Shadow s) : Node(NodeKind::kObject), shadow(s) {}
  const Shadow shadow;
};

struct Broken final : Node {
  explicit Broken(std::string text) : Node(NodeKind::kBroken), reason(std::move(text)) {}
  const std::string reason;
};

// A call on its way.
struct Call {
  CallContent content;
  std::vector<Cap> arguments;  // empty pointers: null
  std::shared_ptr<Struct> result;
};

// Something that will be known later and that holds calls until then: a promise of the
// application, a field of a call that was not sent yet, an embargo.
struct Promise final : Node {
  Promise() : Node(NodeKind::kPromise) {}
  Cap to;  // what it became, when it did
  std::deque<Call> queue;
  std::vector<std::pair<std::shared_ptr<RefLink>, uint32_t>> holders;  // exports to be resolved
};

// Something at the other end of a link.
struct Remote : Node {
  Remote(NodeKind node_kind, std::shared_ptr<RefLink> l) : Node(node_kind), link(std::move(l)) {}
  enum class How : uint8_t {
    kOpen,
    kTheirs,  // resolved to something of the peer's
    kOurs,    // resolved to something of ours: what goes along it is bounced to `bounce`
    kBroken,
  };
  const std::shared_ptr<RefLink> link;
  How how = How::kOpen;
  bool used = false;  // a call went along it
  Cap to;             // what references follow, once it is resolved
  Cap bounce;         // kOurs: the pin of our entry. kTheirs: the import
};

struct Import final : Remote {
  Import(std::shared_ptr<RefLink> l, uint32_t import_id, bool is_promise)
      : Remote(NodeKind::kImport, std::move(l)), id(import_id), promise(is_promise) {}
  ~Import() override;
  const uint32_t id;
  const bool promise;
  uint32_t count = 0;
};

// A question that was asked; finished when nobody holds it any more.
struct Question {
  Question(std::shared_ptr<RefLink> l, uint32_t question_id)
      : link(std::move(l)), id(question_id) {}
  ~Question();
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  const std::shared_ptr<RefLink> link;
  const uint32_t id;
  bool returned = false;
  bool tail = false;  // results stay at the peer
  std::weak_ptr<Struct> sink;
  std::array<std::weak_ptr<struct Path>, kSlots> paths;
};

struct Path final : Remote {
  Path(std::shared_ptr<Question> q, size_t path_slot)
      : Remote(NodeKind::kPath, q->link), question(std::move(q)), slot(path_slot) {}
  const std::shared_ptr<Question> question;
  const size_t slot;
};

// What a call returns.
struct Results {
  uint32_t call = 0;
  std::array<Cap, kSlots> slots;  // empty pointers: null
};

// The results of one call, before and after they are there.
struct Struct {
  enum class State : uint8_t { kPending, kAsked, kRedirected, kReturned, kBroken };
  State state = State::kPending;
  std::array<std::shared_ptr<Promise>, kSlots> promises;  // made while pending
  std::shared_ptr<Question> question;                     // kAsked; later where the vat lingers
  std::shared_ptr<Struct> other;                          // kRedirected
  std::vector<std::weak_ptr<Struct>> followers;           // redirected to this one
  Results results;
  Cap why;  // kBroken
  // Who is told: the answer of a link, the application.
  std::shared_ptr<RefLink> answer_link;
  uint32_t answer = 0;
  uint32_t watched = 0;  // the call whose caller wants to know
};

struct Export {
  Cap node;
  uint32_t count = 0;
  uint32_t promised = 0;  // how often it was named as a promise
  bool announced = false;
  bool at_peer = false;  // announced as receiver*
  std::vector<uint32_t> held_disembargoes;
};

struct Answer {
  std::shared_ptr<Struct> result;
  bool returned = false;
  bool redirected = false;        // the results stay here until the peer takes them, once
  std::vector<uint32_t> exports;  // named in the results
  std::vector<uint32_t> params;   // imports that the parameters named
  std::array<Cap, kSlots> pins;   // where what is addressed to a path goes
};

// One side of one link.
struct RefLink {
  bool alive = true;
  Cap lost;  // once it is not
  struct Asked {
    std::weak_ptr<Question> question;
    bool returned = false;
    bool finished = false;
    bool released = false;  // with what the results name
  };
  std::map<uint32_t, Asked> questions;
  std::map<uint32_t, Answer> answers;
  std::map<uint32_t, bool> closed_answers;  // returned without need of a Finish
  std::map<uint32_t, Export> exports;
  std::map<uint32_t, std::weak_ptr<Import>> imports;
  std::unordered_map<Node*, uint32_t> canonical;
  struct Embargo {
    std::shared_ptr<Promise> held;
    Cap target;
    Cap bounce;
    Cap path;  // kept until the echo
  };
  std::map<uint32_t, Embargo> embargoes;
  // Written at the end of each step, behind everything that may name them.
  std::vector<std::pair<uint32_t, uint32_t>> releases;
  std::vector<uint32_t> finishes;
  std::vector<uint32_t> broken_exports;
};

}  // namespace vatmesh::fuzz
