// SPDX-License-Identifier: Apache-2.0
//
// Session is one thread's way into a backend whose calls block: a connection to a database, a
// folder. It is used by the thread that made it only; several sessions of one store work side by
// side. Blocking backends write this, and BlockingStore makes a Store of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "persistence/store.h"

namespace vatmesh::store {

// One put, or a remove when there is no record.
struct Write {
  Digest digest;
  std::optional<Record> record;
  Version expected = kNoVersion;
};

struct Changes {
  // Any record may have changed.
  bool any = false;
  std::vector<Digest> digests;
};

class Session {
 public:
  virtual ~Session() = default;

  virtual Result<Stored> get(const Digest& digest) = 0;
  virtual Result<Page> list(const std::string& page_token, size_t limit) = 0;

  // write does all of `batch` in order and returns one result for each, when those that succeeded
  // are durable: the new version, kNoVersion for a remove. It may do them together and fail
  // together.
  virtual std::vector<Result<Version>> write(std::span<const Write> batch) = 0;

  virtual Status health() = 0;

  // sweep makes room: takes away what has expired or was left behind by a crash. Nobody waits for
  // it, and it keeps no other session waiting for long.
  virtual void sweep() = 0;

  // poll tells what changed since its last call, or since the session was made.
  virtual Changes poll() = 0;
};

// Makes a session; called on the thread that will use it. It opens nothing yet that could fail: a
// session opens, and opens again after a failure, when it is asked for something.
using OpenSession = std::function<std::unique_ptr<Session>()>;

}  // namespace vatmesh::store
