// SPDX-License-Identifier: Apache-2.0
//
// CachedStore keeps the records that were read last, in front of a store that tells of changes, so
// that a ref in use costs neither a disk nor another thread.
//
//   C1  A record is forgotten when a put or remove of it is asked, and nothing of it is kept until
//       that is done, whatever comes of it: what was removed through this store is never given
//       again.
//   C2  A record is forgotten when the store tells that it changed. What was being read while a
//       change was asked or told is given to who asked, and not kept.
//   C3  So what others changed is seen as soon as the store's own watch tells of it.
//       getFresh sees it at once.
//   C4  That a ref is not there, or can't be read, is never kept.
#pragma once

#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "persistence/completions.h"
#include "persistence/store.h"

namespace vatmesh::store {

class CachedStore : public Store {
 public:
  // What records may take in memory, in bytes; the one that was not read for longest goes first.
  static constexpr size_t kMaxBytes = 16 * 1024 * 1024;

  // wrap puts a cache before `inner`; gives `inner` itself when it can't watch.
  static std::unique_ptr<Store> wrap(std::unique_ptr<Store> inner, Post post, WallClock now,
                                     size_t max_bytes = kMaxBytes);

  void get(const Digest& digest, OnGet done) override;
  void getFresh(const Digest& digest, OnGet done) override;
  void put(const Digest& digest, Record record, Version expected, OnPut done) override;
  void remove(const Digest& digest, Version expected, OnRemove done) override;
  void list(std::string page_token, size_t limit, OnList done) override;
  // Tells of a change after the cache knows of it.
  std::unique_ptr<Watch> watch(OnChange on_change) override;
  void health(OnHealth done) override;

 private:
  struct Kept {
    Digest digest;
    Stored stored;
    size_t weight;
  };
  // What is under way in the store for one digest.
  struct Busy {
    size_t reads = 0, writes = 0;
    uint64_t changes = 0;  // asked or told meanwhile
  };
  struct DigestHash {
    size_t operator()(const Digest& digest) const {
      size_t hash = 0;
      std::memcpy(&hash, digest.bytes.data(), sizeof hash);
      return hash;
    }
  };

  CachedStore(std::unique_ptr<Store> inner, Post post, WallClock now, size_t max_bytes);

  const Stored* find(const Digest& digest);
  void keep(const Digest& digest, const Stored& stored);
  void forget(const Digest& digest);
  void forget(std::list<Kept>::iterator kept);

  void changed(std::optional<Digest> digest);
  void beginWrite(const Digest& digest);
  void endWrite(const Digest& digest);
  void endRead(const Digest& digest, uint64_t changes, const Result<Stored>& result);

  const WallClock now_;
  const size_t max_bytes_;
  std::list<Kept> kept_;  // the one that was read last is first
  std::unordered_map<Digest, std::list<Kept>::iterator, DigestHash> by_digest_;
  size_t bytes_ = 0;
  std::map<Digest, Busy> busy_;
  std::unique_ptr<Store> inner_;
  std::unique_ptr<Watch> watch_;

  // Last: dies first, and with it every way back into this object.
  Completions completions_;
};

}  // namespace vatmesh::store
