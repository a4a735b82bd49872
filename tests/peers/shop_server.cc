// SPDX-License-Identifier: Apache-2.0
//
// shop-server ADDRESS FILE: serves a Shop; whoever asks an object to save gets the content of FILE.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <capnp/ez-rpc.h>
#include <kj/debug.h>

#include "shop.capnp.h"

namespace {

const char* saved_file;

std::string savedText() {
  std::ifstream file(saved_file);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// save, for any interface that extends Persistent.
template <typename Server>
class Saving : public Server {
 public:
  kj::Promise<void> save(typename Server::SaveContext context) override {
    context.getResults().getSturdyRef().template setAs<capnp::Text>(savedText().c_str());
    return kj::READY_NOW;
  }
};

class DrawerImpl final : public Saving<shop::Drawer::Server> {
 public:
  kj::Promise<void> read(ReadContext context) override {
    context.getResults().setText("socks");
    return kj::READY_NOW;
  }
};

class CounterImpl final : public shop::Shop::Counter::Server {
 public:
  kj::Promise<void> read(ReadContext context) override {
    context.getResults().setCount(++count_);
    return kj::READY_NOW;
  }

 private:
  uint32_t count_ = 0;
};

class ShopImpl final : public Saving<shop::Shop::Server> {
 public:
  kj::Promise<void> echo(EchoContext context) override {
    context.getResults().setItem(context.getParams().getItem());
    return kj::READY_NOW;
  }

  kj::Promise<void> openDrawer(OpenDrawerContext context) override {
    context.getResults().setDrawer(kj::heap<DrawerImpl>());
    return kj::READY_NOW;
  }

  kj::Promise<void> openDrawers(OpenDrawersContext context) override {
    auto results = context.getResults();
    results.setTop(kj::heap<DrawerImpl>());
    results.initOthers(1).set(0, kj::heap<DrawerImpl>());
    results.getAnything().setAs<shop::Drawer>(kj::heap<DrawerImpl>());
    return kj::READY_NOW;
  }

  kj::Promise<void> openBox(OpenBoxContext context) override {
    context.getResults().initBox().setCounter(kj::heap<CounterImpl>());
    return kj::READY_NOW;
  }

  kj::Promise<void> fail(FailContext context) override {
    auto params = context.getParams();
    return kj::Exception(static_cast<kj::Exception::Type>(params.getKind()), __FILE__, __LINE__,
                         kj::str(params.getText()));
  }

  kj::Promise<void> hang(HangContext) override {
    std::puts("hanging");
    std::fflush(stdout);
    return kj::NEVER_DONE;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  saved_file = argv[2];
  capnp::EzRpcServer server(kj::heap<ShopImpl>(), argv[1]);
  auto& scope = server.getWaitScope();
  server.getPort().wait(scope);
  std::puts("listening");
  std::fflush(stdout);
  kj::NEVER_DONE.wait(scope);
}
