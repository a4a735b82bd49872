// SPDX-License-Identifier: Apache-2.0
//
// Budget counts the bytes that we hold because of each link, and of all together, and notices when
// what a link has asked for is too much (design 4.7, 4.8; captp-engine 5.3).
//
// Everything is charged to the link that asked for it: a Call to the link it came from, wherever it
// waits; a Return, and what else is sent, to the link it goes to; kept results and exceptions to
// the link whose call they answer; what a promise was broken with to the link that broke it. What a
// lost link leaves behind goes on counting, as nobody's.
//
// Invariant: the sum over the links, with what is nobody's, is total() (I10).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "rpc/captp/effects.h"

namespace vatmesh::captp {

// What the bytes are held for.
enum class Load : uint8_t {
  kSent,      // frames that a link has not written yet
  kWaiting,   // calls that wait for a promise
  kResults,   // results that were delivered, or will be, and are kept to look up paths in them
  kTexts,     // exceptions
  kEntries,   // table entries, at a fixed cost each
  kArriving,  // the part of a message that has come
};
inline constexpr size_t kLoads = 6;

class Budget {
 public:
  using Bytes = std::array<uint64_t, kLoads>;

  explicit Budget(uint64_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // Begins the account of a link, whose asked() is to stay at `soft` or below.
  void open(LinkId link, uint64_t soft);
  // Ends it; what is still charged becomes nobody's.
  void close(LinkId link);

  // A `link` without an account, one that was lost among them, stands for nobody.
  void add(LinkId link, Load load, uint64_t bytes);
  // Precondition: `bytes` of it were added.
  void remove(LinkId link, Load load, uint64_t bytes);

  uint64_t total() const { return total_; }
  uint64_t limit() const { return limit_; }
  bool hasRoom(uint64_t more) const { return total_ + more <= limit_; }
  uint64_t of(Load load) const { return loads_[static_cast<size_t>(load)]; }

  // Of one link; nobody's for one without an account.
  const Bytes& of(LinkId link) const;
  uint64_t heldFor(LinkId link) const;
  // Messages in queues: what the progress of others makes less.
  uint64_t asked(LinkId link) const;
  // True from the moment that asked() is above `soft` until it is half of it or less.
  bool above(LinkId link) const;
  // Makes it so, until asked() is a quarter of what it is now. Precondition: !above, asked > 0.
  void press(LinkId link);

  // The links whose above() changed since the last call, possibly twice.
  bool anyChanged() const { return !changed_.empty(); }
  std::vector<LinkId> takeChanged() { return std::exchange(changed_, {}); }

 private:
  struct Account {
    uint32_t generation = 0;  // 0: none
    bool above = false;
    uint64_t soft = 0;
    uint64_t until = 0;  // while above: what asked() has to come down to
    Bytes bytes{};
  };

  Account* find(LinkId link);
  const Account* find(LinkId link) const;
  static uint64_t askedIn(const Bytes& bytes);

  uint64_t limit_;
  uint64_t total_ = 0;
  Bytes loads_{};
  Bytes nobodys_{};
  std::vector<Account> accounts_;  // by slot
  std::vector<LinkId> changed_;
};

// A charge that ends with what holds the bytes.
class Charge {
 public:
  Charge() = default;
  // `budget` outlives the charge.
  Charge(Budget& budget, LinkId link, Load load, uint64_t bytes)
      : budget_(&budget), link_(link), load_(load), bytes_(bytes) {
    budget.add(link, load, bytes);
  }
  Charge(Charge&& other) noexcept { *this = std::move(other); }
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(link_, other.link_);
    std::swap(load_, other.load_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Charge() { reset(); }

  void reset() {
    if (Budget* budget = std::exchange(budget_, nullptr)) budget->remove(link_, load_, bytes_);
    bytes_ = 0;
  }
  uint64_t bytes() const { return bytes_; }
  LinkId link() const { return link_; }

 private:
  Budget* budget_ = nullptr;  // null: nothing is charged
  LinkId link_;
  Load load_ = Load::kSent;
  uint64_t bytes_ = 0;
};

}  // namespace vatmesh::captp
