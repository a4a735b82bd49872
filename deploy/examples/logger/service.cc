// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <string>

#include <kj/debug.h>

#include "logger.capnp.h"
#include "vatmesh.capnp.h"

namespace {

constexpr const char* kRoot = "root";
constexpr size_t kMaxLabel = 64;

// A label is a part of a name, and of a line.
std::string checked(capnp::Text::Reader label) {
  std::string text = label.cStr();
  KJ_REQUIRE(!text.empty() && text.size() <= kMaxLabel, "a label has 1 to 64 bytes");
  KJ_REQUIRE(text.find_first_of("/\t\r\n") == std::string::npos, "a label has no / and no tab");
  return text;
}

class NamedLogger final : public Logger::Server {
 public:
  NamedLogger(std::shared_ptr<Book> book, std::string name)
      : book_(std::move(book)), name_(std::move(name)) {}

  kj::Promise<void> log(LogContext context) override {
    auto results = context.getResults();
    results.setLines(book_->log(name_, context.getParams().getMessage().cStr()));
    results.setName(name_.c_str());
    return kj::READY_NOW;
  }

  kj::Promise<void> sub(SubContext context) override {
    std::string name = name_ + "/" + checked(context.getParams().getLabel());
    book_->make(name);
    context.getResults().setLogger(kj::heap<NamedLogger>(book_, std::move(name)));
    return kj::READY_NOW;
  }

  // The sidecar keeps this name, and gives a URI for it to whoever called save.
  kj::Promise<void> save(SaveContext context) override {
    context.getResults().setSturdyRef(name_.c_str());
    return kj::READY_NOW;
  }

 private:
  std::shared_ptr<Book> book_;
  std::string name_;
};

class LoggerApplication final : public vatmesh::api::Application::Server {
 public:
  explicit LoggerApplication(std::shared_ptr<Book> book) : book_(std::move(book)) {}

  // What every peer gets that has the URI of the export.
  kj::Promise<void> bootstrap(BootstrapContext context) override {
    give(context.getResults(), kRoot);
    return kj::READY_NOW;
  }

  // What a peer gets that has the URI of a logger that was saved.
  kj::Promise<void> restore(RestoreContext context) override {
    std::string name = context.getParams().getRef().getAs<capnp::Text>().cStr();
    KJ_REQUIRE(name == kRoot || book_->has(name), "there is no such logger");
    give(context.getResults(), name);
    return kj::READY_NOW;
  }

 private:
  template <typename Results>
  void give(Results results, std::string name) {
    results.setCapability(Logger::Client(kj::heap<NamedLogger>(book_, std::move(name))));
  }

  std::shared_ptr<Book> book_;
};

}  // namespace

capnp::Capability::Client newApplication(std::shared_ptr<Book> book) {
  return vatmesh::api::Application::Client(kj::heap<LoggerApplication>(std::move(book)));
}
