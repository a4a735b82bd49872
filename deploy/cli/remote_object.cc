// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/remote_object.h"

#include <algorithm>
#include <utility>

#include <capnp/persistent.capnp.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "deploy/cli/printable.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

using Persistent = capnp::Persistent<capnp::AnyPointer, capnp::AnyPointer>;

// As large as the sidecar lets a message be, and everything in it read a few times.
constexpr uint64_t kMostWords = 64ull << 20;

capnp::ReaderOptions readerOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMostWords;
  return options;
}

capnp::Capability::Client bootstrapOf(capnp::RpcSystem<capnp::rpc::twoparty::VatId>& rpc) {
  capnp::MallocMessageBuilder message;
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc.bootstrap(vat);
}

kj::Duration kjTime(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count() * kj::NANOSECONDS;
}

Code codeOf(kj::Exception::Type type) {
  switch (type) {
    case kj::Exception::Type::OVERLOADED:
      return Code::kOverloaded;
    case kj::Exception::Type::DISCONNECTED:
      return Code::kDisconnected;
    case kj::Exception::Type::UNIMPLEMENTED:
      return Code::kUnimplemented;
    case kj::Exception::Type::FAILED:
      break;
  }
  return Code::kFailed;
}

// Every vat on the way may have put its prefix in front.
Status statusOf(const kj::Exception& exception) {
  constexpr std::string_view kPrefix = "remote exception: ";
  std::string_view text = exception.getDescription().cStr();
  while (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  return {codeOf(exception.getType()), printable(text)};
}

Result<std::string> uriOf(capnp::AnyPointer::Reader sturdy_ref) {
  std::string uri;
  kj::Maybe<kj::Exception> failure = kj::runCatchingExceptions([&] {
    capnp::Text::Reader text = sturdy_ref.getAs<capnp::Text>();
    uri.assign(text.begin(), text.end());
  });
  const bool plain =
      std::all_of(uri.begin(), uri.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (failure != nullptr || !plain || !sturdy::parseUri(uri).ok()) {
    return Status(Code::kFailed, "save: what the object answered is no URI");
  }
  return uri;
}

}  // namespace

struct RemoteObject::Parts {
  Parts(event::Fd socket, Duration time, Progress& its_progress)
      : io(kj::setupAsyncIo()),
        stream(io.lowLevelProvider->wrapSocketFd(
            socket.release(), kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                  kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                                  kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK)),
        network(*stream, capnp::rpc::twoparty::Side::CLIENT, readerOptions()),
        rpc(capnp::makeRpcClient(network)),
        object(bootstrapOf(rpc)),
        progress(its_progress),
        begin(io.provider->getTimer().now()),
        limit(time) {}

  // Waits for `promise`, showing `what`. Ends with the exception of the promise, or kTimeout.
  template <typename T>
  Status wait(kj::Promise<T> promise, const std::string& what, kj::Maybe<T>& out);
  Result<std::string> save(Persistent::Client object);

  kj::Promise<void> showUntilStopped(const std::string& what);

  kj::AsyncIoContext io;
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
  capnp::Capability::Client object;
  Progress& progress;
  kj::TimePoint begin;
  Duration limit;
  std::string where;
  kj::Maybe<capnp::Response<capnp::DynamicStruct>> response;
};

kj::Promise<void> RemoteObject::Parts::showUntilStopped(const std::string& what) {
  return io.provider->getTimer().afterDelay(kjTime(Progress::kStep)).then([this, &what] {
    const auto waited = io.provider->getTimer().now() - begin;
    progress.show(what, std::chrono::nanoseconds(waited / kj::NANOSECONDS));
    return showUntilStopped(what);
  });
}

template <typename T>
Status RemoteObject::Parts::wait(kj::Promise<T> promise, const std::string& what,
                                 kj::Maybe<T>& out) {
  bool late = false;
  kj::Promise<kj::Maybe<T>> ended =
      promise.then([](T&& value) -> kj::Maybe<T> { return kj::mv(value); });
  kj::Promise<kj::Maybe<T>> timer =
      io.provider->getTimer().atTime(begin + kjTime(limit)).then([&late]() -> kj::Maybe<T> {
        late = true;
        return nullptr;
      });
  Status status;
  kj::Maybe<kj::Exception> failure = kj::runCatchingExceptions([&] {
    kj::Promise<void> showing = nullptr;
    if (progress.enabled()) showing = showUntilStopped(what).eagerlyEvaluate(nullptr);
    out = ended.exclusiveJoin(kj::mv(timer)).wait(io.waitScope);
  });
  progress.clear();
  KJ_IF_MAYBE (exception, failure) return statusOf(*exception);
  if (late) {
    return {Code::kTimeout, what + ": no answer within " + config::printDuration(limit) +
                                "; --timeout gives it more time"};
  }
  return Status();
}

RemoteObject::RemoteObject(event::Fd socket, Duration time, Progress& progress)
    : parts_(std::make_unique<Parts>(std::move(socket), time, progress)) {}

RemoteObject::~RemoteObject() = default;

Status RemoteObject::reach(const std::string& where) {
  kj::Maybe<bool> there;
  return parts_->wait<bool>(parts_->object.whenResolved().then([] { return true; }),
                            "connecting to " + where, there);
}

Status RemoteObject::call(const SchemaFile::Method& method, const Fill& fill, const Look& look) {
  const std::string name = method.method.getProto().getName().cStr();
  Status filled;
  kj::Maybe<capnp::Response<capnp::DynamicStruct>>& response = parts_->response;
  Status status;
  kj::Maybe<kj::Exception> failure = kj::runCatchingExceptions([&] {
    auto request =
        parts_->object.castAs<capnp::DynamicCapability>(method.interface).newRequest(method.method);
    filled = fill(request);
    if (!filled.ok()) return;
    status = parts_->wait<capnp::Response<capnp::DynamicStruct>>(request.send(), "calling " + name,
                                                                 response);
  });
  KJ_IF_MAYBE (exception, failure) return statusOf(*exception);
  if (!filled.ok()) return filled;
  if (!status.ok()) return status;
  return look(KJ_ASSERT_NONNULL(response));
}

Result<std::string> RemoteObject::Parts::save(Persistent::Client persistent) {
  kj::Maybe<capnp::Response<Persistent::SaveResults>> saved;
  Status status = wait<capnp::Response<Persistent::SaveResults>>(
      persistent.saveRequest().send().dropPipeline(), "calling save", saved);
  if (status.code() == Code::kUnimplemented) {
    return Status(Code::kUnimplemented,
                  "save: the object does not implement Persistent (0xc8cb212fcd9f5691)");
  }
  if (!status.ok()) return status.withContext("save");
  return uriOf(KJ_ASSERT_NONNULL(saved).getSturdyRef());
}

Result<std::string> RemoteObject::save() {
  return parts_->save(parts_->object.castAs<Persistent>());
}

Result<std::string> RemoteObject::save(const Path& path) {
  kj::Maybe<capnp::Capability::Client> found;
  kj::Maybe<kj::Exception> failure = kj::runCatchingExceptions([&] {
    capnp::DynamicStruct::Reader at = KJ_ASSERT_NONNULL(parts_->response);
    for (size_t i = 0; i + 1 < path.size(); ++i) at = at.get(path[i]).as<capnp::DynamicStruct>();
    if (!at.has(path.back())) return;
    capnp::DynamicValue::Reader last = at.get(path.back());
    if (last.getType() == capnp::DynamicValue::ANY_POINTER) {
      found = last.as<capnp::AnyPointer>().getAs<capnp::Capability>();
    } else {
      found = capnp::Capability::Client(last.as<capnp::DynamicCapability>());
    }
  });
  KJ_IF_MAYBE (exception, failure) return statusOf(*exception).withContext("save");
  KJ_IF_MAYBE (object, found) return parts_->save(object->castAs<Persistent>());
  return Status(Code::kFailed, "save: the results have nothing at " + path.back());
}

}  // namespace vatmesh::deploy
