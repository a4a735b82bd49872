// SPDX-License-Identifier: Apache-2.0
//
// RefsStore is the store that the flags of a `refs` command name, and waits for its answers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "deploy/cli/arguments.h"
#include "persistence/store.h"
#include "persistence/store_spec.h"
#include "sidecar/event/loop.h"

namespace vatmesh::deploy {

class RefsStore {
 public:
  // Opens the store of `--store STORE`, or of the file of `--config FILE`; it must be there
  // already.
  static Result<std::unique_ptr<RefsStore>> open(const Arguments& arguments);

  Result<store::Page> list(const std::string& page_token);
  Result<store::Stored> get(const store::Digest& digest);
  Status remove(const store::Digest& digest);

  // The digest that `ref` means: a sturdy ref (a URI or the path of a cap file), or the beginning
  // of a digest, as `refs list` shows it, that fits one ref alone. kRefused when there is none.
  Result<store::Digest> find(const std::string& ref);

 private:
  explicit RefsStore(const store::StoreSpec& spec);
  Result<store::Digest> findByBeginning(const std::string& beginning);
  template <typename T>
  T wait(const std::optional<T>& answer);

  event::Loop loop_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace vatmesh::deploy
