// SPDX-License-Identifier: Apache-2.0
//
// LocalObject is an object inside this vat: what `Sidecar`, an export's handle or a plugin's store
// are made of. objects.h drives them, on the vat's thread and never inside a turn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "rpc/base/status.h"
#include "rpc/vat/vat.h"

namespace vatmesh::vat {

class Objects;

// What is asked. The message's root is the parameters (wire/root.h); the caller chose every word.
// Valid during LocalObject::call; what is moved out of `params` may be kept.
struct CallView {
  uint64_t interface_id;
  uint16_t method_id;
  Content& params;
};

// The duty to answer one call. Moves; answers exactly once: when it is destroyed without an answer,
// the call fails. An answer to a call that nobody waits for any more is dropped, with what it
// brought. May be used at any time, from inside of LocalObject::call too, and after the Objects are
// gone.
class Responder {
 public:
  Responder(Responder&& other) noexcept
      : objects_(std::move(other.objects_)), op_(std::exchange(other.op_, {})) {}
  Responder& operator=(Responder&& other) noexcept {
    std::swap(objects_, other.objects_);
    std::swap(op_, other.op_);
    return *this;
  }
  ~Responder();

  // The results; or results whose root is one capability (see Restored); or those of a Bootstrap;
  // or how the call failed.
  void answer(Content results) { complete(std::move(results)); }
  void answer(Restored capability) { complete(std::move(capability)); }
  void answer(BootstrapOf there) { complete(std::move(there)); }
  void fail(Status why) { complete(std::move(why)); }

  // `then` runs once if the caller wants the answer no longer, before it was given. Replaces the
  // one from before.
  void onCancel(std::function<void()> then);

 private:
  friend class Objects;
  Responder(std::weak_ptr<Objects*> objects, OpId op) : objects_(std::move(objects)), op_(op) {}
  void complete(Result<Completion> result);

  std::weak_ptr<Objects*> objects_;
  OpId op_;  // 0: answered
};

class LocalObject {
 public:
  // The last reference is gone, or the Objects are. Calls that are not answered keep their object.
  virtual ~LocalObject() = default;

  // A call, in the order in which the calls on one reference were made. Leads to one answer, at
  // once or later. A method that is not known fails with kUnimplemented.
  virtual void call(CallView call, Responder responder) = 0;
};

}  // namespace vatmesh::vat
