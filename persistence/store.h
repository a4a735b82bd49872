// SPDX-License-Identifier: Apache-2.0
//
// Store keeps sturdy refs: a record for each digest of an id. It is asynchronous, and the same
// whether records lie in memory, in files, in SQLite or behind a plugin.
//
// Terms: a record is *there* when it was put and neither removed nor has expired.
//   S1  A completion runs once, on the loop's thread, never inside the call that asked; after the
//       store is destroyed none runs.
//   S2  Who was told of a put or remove finds it after any crash. Who was not told finds all of it
//       or nothing of it.
//   S3  put and remove compare and set, also between processes that opened the same store: of
//       several with one expected version, one succeeds.
//   S4  A damaged record answers kCorrupt; others are served.
//   S5  A store that failed comes back by itself when its disk or database does.
//
// Errors, in all operations: kNotFound; kConflict (there is another version); kUnavailable (try
// again later); kRefused (rights, read-only disk); kCorrupt; kFull; kInvalidArgument (a bug of the
// caller). After a put or remove that gave kUnavailable or kFull, look: it may have happened. Texts
// name a ref by the first characters of its digest.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "persistence/record.h"
#include "rpc/base/status.h"

namespace vatmesh::store {

// Runs a callback in a later turn of the loop; any thread may call it.
using Post = std::function<void(std::function<void()>)>;

// The calendar's time; any thread may call it.
using WallClock = std::function<UnixTime()>;

struct Stored {
  Version version = kNoVersion;
  Record record;

  bool operator==(const Stored&) const = default;
};

// One line of a page: a record, or why it can't be read.
struct Listed {
  Digest digest;
  Result<Stored> stored;
};

struct Page {
  std::vector<Listed> refs;
  // The token of the next page; empty behind the last one.
  std::string next;
};

// A page ends with the record that brings it to either of these.
inline constexpr size_t kMaxPage = 1000;
inline constexpr size_t kMaxPageBytes = 4 * 1024 * 1024;

// A watch ends when it is destroyed, which may be after the store's end.
class Watch {
 public:
  virtual ~Watch() = default;
};

class Store {
 public:
  using OnGet = std::function<void(Result<Stored>)>;
  using OnPut = std::function<void(Result<Version>)>;
  using OnRemove = std::function<void(Status)>;
  using OnList = std::function<void(Result<Page>)>;
  using OnHealth = std::function<void(Status)>;
  // Gets the digest of what changed; none: any record may have changed.
  using OnChange = std::function<void(std::optional<Digest>)>;

  virtual ~Store() = default;

  // get reads the record of `digest`.
  virtual void get(const Digest& digest, OnGet done) = 0;

  // getFresh reads what is in the store itself, also where `get` may answer from a memory that has
  // not been told yet what another process changed.
  virtual void getFresh(const Digest& digest, OnGet done) { get(digest, std::move(done)); }

  // put makes `record` that of `digest` if what is there has the version `expected` (kNoVersion:
  // if there is none; kAnyVersion: if there is one, damaged or not), and gives the new version once
  // it is durable. kNotFound when one was expected and there is none.
  virtual void put(const Digest& digest, Record record, Version expected, OnPut done) = 0;

  // remove takes the record of `digest` away if it has the version `expected`; kAnyVersion takes a
  // damaged one too. Tells ok once that is durable.
  virtual void remove(const Digest& digest, Version expected, OnRemove done) = 0;

  // list gives up to `limit` (1 to kMaxPage) records, fewer when they are large, in the order of
  // their digests, from `page_token` on (empty: from the first). Over all pages, what is there all
  // the while comes exactly once, whatever else comes and goes.
  virtual void list(std::string page_token, size_t limit, OnList done) = 0;

  // watch tells within a second what others changed, and may tell what was changed through this
  // store. The callback runs on the loop's thread and may do anything but destroy the store.
  // nullptr: this backend can't.
  virtual std::unique_ptr<Watch> watch(OnChange on_change) = 0;

  // health says whether the store can be read and written, or why not.
  virtual void health(OnHealth done) = 0;
};

}  // namespace vatmesh::store
