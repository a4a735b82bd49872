// SPDX-License-Identifier: Apache-2.0
//
// The two kinds of table. OwnTable: we choose the ids, lowest free first. PeerTable: the peer
// chooses them, any u32. Both keep the memory of removed entries, so that a warm table allocates
// nothing; an entry type has clear(), which empties it for the next use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "rpc/base/check.h"

namespace vatmesh::captp {

// Pointers to entries stay valid until the entry is erased.
template <typename Id, typename Entry>
class OwnTable {
 public:
  // The lowest free id with an empty entry.
  std::pair<Id, Entry&> allocate() {
    uint32_t id;
    if (free_.empty()) {
      id = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      id = free_.top();
      free_.pop();
    }
    slots_[id].live = true;
    ++size_;
    return {Id{id}, slots_[id].entry};
  }

  Entry* find(Id id) {
    if (id.value >= slots_.size() || !slots_[id.value].live) return nullptr;
    return &slots_[id.value].entry;
  }

  // Precondition: find(id).
  void erase(Id id) {
    VATMESH_DCHECK(find(id) != nullptr);
    slots_[id.value].entry.clear();
    slots_[id.value].live = false;
    free_.push(id.value);
    --size_;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Calls f(id, entry) for each; `f` may erase the entry that it is given, but none other.
  template <typename F>
  void forEach(F f) {
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].live) f(Id{i}, slots_[i].entry);
    }
  }

  // Calls f(id, entry) for at most `most` entries and erases each; gives how many. Goes on where
  // the last call stopped.
  template <typename F>
  size_t drain(size_t most, F f) {
    size_t done = 0;
    for (; done < most && size_ > 0; ++drained_) {
      if (drained_ >= slots_.size()) drained_ = 0;
      if (!slots_[drained_].live) continue;
      const Id id{static_cast<uint32_t>(drained_)};
      f(id, slots_[drained_].entry);
      erase(id);
      ++done;
    }
    return done;
  }

 private:
  struct Slot {
    Entry entry;
    bool live = false;
  };
  std::deque<Slot> slots_;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> free_;
  size_t size_ = 0;
  size_t drained_ = 0;  // where drain() goes on
};

// An open-addressing index over slots. Pointers to entries stay valid until the entry is erased.
template <typename Id, typename Entry>
class PeerTable {
 public:
  Entry* find(Id id) {
    if (size_ == 0) return nullptr;
    for (size_t i = home(id.value);; i = (i + 1) & mask()) {
      const Place& place = index_[i];
      if (place.slot == kEmpty) return nullptr;
      if (place.id == id.value) return &slots_[place.slot].entry;
    }
  }

  // An empty entry. Precondition: !find(id).
  Entry& add(Id id) {
    if ((size_ + 1) * 2 > index_.size()) grow();
    uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot].id = id.value;
    slots_[slot].live = true;
    insert(id.value, slot);
    ++size_;
    return slots_[slot].entry;
  }

  // Precondition: find(id).
  void erase(Id id) {
    size_t i = home(id.value);
    while (index_[i].slot == kEmpty || index_[i].id != id.value) {
      VATMESH_CHECK(index_[i].slot != kEmpty);
      i = (i + 1) & mask();
    }
    uint32_t slot = index_[i].slot;
    slots_[slot].entry.clear();
    slots_[slot].live = false;
    free_.push_back(slot);
    --size_;
    closeGap(i);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Calls f(id, entry) for each; `f` may erase the entry that it is given, but none other.
  template <typename F>
  void forEach(F f) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].live) f(Id{slots_[i].id}, slots_[i].entry);
    }
  }

  // Calls f(id, entry) for at most `most` entries and erases each; gives how many. Goes on where
  // the last call stopped.
  template <typename F>
  size_t drain(size_t most, F f) {
    size_t done = 0;
    for (; done < most && size_ > 0; ++drained_) {
      if (drained_ >= slots_.size()) drained_ = 0;
      if (!slots_[drained_].live) continue;
      const Id id{slots_[drained_].id};
      f(id, slots_[drained_].entry);
      erase(id);
      ++done;
    }
    return done;
  }

 private:
  static constexpr uint32_t kEmpty = UINT32_MAX;
  struct Place {
    uint32_t id = 0;
    uint32_t slot = kEmpty;
  };
  struct Slot {
    Entry entry;
    uint32_t id = 0;
    bool live = false;
  };

  size_t mask() const { return index_.size() - 1; }

  size_t home(uint32_t id) const {
    uint64_t h = (id + 1) * 0x9E3779B97F4A7C15ull;
    return static_cast<size_t>(h >> 32) & mask();
  }

  void insert(uint32_t id, uint32_t slot) {
    size_t i = home(id);
    while (index_[i].slot != kEmpty) i = (i + 1) & mask();
    index_[i] = {id, slot};
  }

  void grow() {
    size_t size = index_.empty() ? 16 : index_.size() * 2;
    index_.assign(size, Place());
    for (uint32_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].live) insert(slots_[s].id, s);
    }
  }

  // Linear probing without tombstones: moves later entries of the run back over the hole.
  void closeGap(size_t hole) {
    for (size_t i = (hole + 1) & mask(); index_[i].slot != kEmpty; i = (i + 1) & mask()) {
      size_t want = home(index_[i].id);
      if (((i - want) & mask()) >= ((i - hole) & mask())) {
        index_[hole] = index_[i];
        hole = i;
      }
    }
    index_[hole] = Place();
  }

  std::vector<Place> index_;  // size is a power of two, at most half full
  std::deque<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t size_ = 0;
  size_t drained_ = 0;  // where drain() goes on
};

}  // namespace vatmesh::captp
