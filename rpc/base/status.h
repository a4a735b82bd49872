// SPDX-License-Identifier: Apache-2.0
//
// Status and Result<T> carry every error of vatmesh; our code throws nothing.
// A code says what the receiver of the error can do, not where it arose.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "rpc/base/check.h"

namespace vatmesh {

// What can be done about an error. The first four travel on the wire as Exception.type; the others
// are mapped to one of them by `wireType`.
enum class Code : uint8_t {
  kOk,
  kFailed,           // the request itself is at fault: trying again won't help
  kOverloaded,       // out of some resource: try again later
  kDisconnected,     // the other side is gone: connect again
  kUnimplemented,    // the other side doesn't know the method or message
  kProtocol,         // a peer broke the protocol: ends its link
  kInvalidArgument,  // what the user wrote is wrong: says what would be right
  kNotFound,
  kRefused,      // not allowed: wrong key, unknown id, missing permission
  kTimeout,      // a deadline passed
  kUnavailable,  // peer, application or store can't be reached now
  kConflict,     // somebody else changed it meanwhile: look again, then decide
  kCorrupt,      // what was stored is damaged: that one thing is lost, others are not
  kFull          // no space left: make room, then try again
};

// The stable lower-case name of `code`, as logs and metrics show it.
std::string_view codeName(Code code);

// Exception.type on the wire for `code`: 0 failed, 1 overloaded, 2 disconnected, 3 unimplemented.
uint16_t wireType(Code code);

// The code for Exception.type `type` of a peer; unknown types read as kFailed.
Code codeFromWireType(uint16_t type);

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // Returns the same code with "`context`: " in front of the message; ok stays ok.
  Status withContext(std::string_view context) const;

  // "code: message", for logs and tests.
  std::string toString() const;

  bool operator==(const Status&) const = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// Result holds a T or a Status that is not ok.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that functions can return either.
  Result(T value) : value_(std::in_place_index<0>, std::move(value)) {}        // NOLINT
  Result(Status status) : value_(std::in_place_index<1>, std::move(status)) {  // NOLINT
    VATMESH_CHECK(!std::get<1>(value_).ok());
  }
  // From what converts to a T, as one alternative of a variant does.
  template <std::convertible_to<T> U>
    requires(!std::same_as<std::remove_cvref_t<U>, Result> &&
             !std::same_as<std::remove_cvref_t<U>, T> &&
             !std::same_as<std::remove_cvref_t<U>, Status>)
  Result(U&& value)  // NOLINT
      : value_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool ok() const { return value_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return std::get<0>(value_); }
  const T& operator*() const& { return std::get<0>(value_); }
  T&& operator*() && { return std::get<0>(std::move(value_)); }
  T* operator->() { return &std::get<0>(value_); }
  const T* operator->() const { return &std::get<0>(value_); }

  // The error; ok when there is a value.
  Status status() const { return ok() ? Status() : std::get<1>(value_); }

 private:
  std::variant<T, Status> value_;
};

}  // namespace vatmesh
