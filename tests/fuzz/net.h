// SPDX-License-Identifier: Apache-2.0
//
// Net is vats of both kinds and the links between them, which are queues of frames: nothing moves
// but what is delivered. After every input of a vat of ours its invariants are checked; what is
// wrong ends up in the ShadowWorld.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rpc/vat/journal.h"
#include "rpc/vat/vat.h"
#include "rpc/wire/frame_reader.h"
#include "tests/fuzz/ref_vat.h"

namespace vatmesh::fuzz {

class Net {
 public:
  // A vat of ours.
  struct Proxy {
    explicit Proxy(vat::Behaviour behaviour) : vat({}, behaviour) {}
    std::string name;
    wire::BufferPool buffers;
    std::optional<vat::Journal> journal;
    std::vector<std::string> effects;  // while there is a journal
    vat::Vat vat;
    std::vector<captp::Start> starts;  // neither completed nor canceled
  };
  struct End {
    Proxy* proxy = nullptr;  // one of the two
    RefVat* app = nullptr;
    captp::LinkId id;
    std::unique_ptr<wire::FrameReader> reader;
    std::deque<Frame> queue;  // what comes to this end
    size_t in_reader = 0;     // of these, handed to the reader already
    bool paused = false;      // nothing is read
    bool ready() const { return !queue.empty() && !paused; }
    const std::string& name() const { return proxy ? proxy->name : app->name(); }
  };
  struct Link {
    End ends[2];
    bool up = false;
  };

  // `chance` says how many frames come at once.
  Net(ShadowWorld& shadows, Random& chance) : shadows_(shadows), chance_(chance) {}

  // Gives each vat of ours that is added from now on a journal.
  void record(vat::Journal::Payloads payloads) { record_ = payloads; }
  Proxy& addProxy(vat::Behaviour behaviour = {});
  // A link that is down. Each end is a Proxy or a RefVat, which has one link at most.
  template <typename A, typename B>
  Link& addLink(A& from, B& to) {
    Link& link = links_.emplace_back();
    put(link.ends[0], from);
    put(link.ends[1], to);
    return link;
  }
  std::deque<std::unique_ptr<Proxy>>& proxies() { return proxies_; }
  std::deque<Link>& links() { return links_; }
  // Where what is sent from `end` arrives.
  End& other(End& end);

  void join(Link& link);
  // What is on the way is lost.
  void cut(Link& link);
  // Delivers the oldest message that goes to that end of `link`, if there is one and it is read.
  void deliver(Link& link, int end);
  // Where nothing moves but for pauses, time passes until something happens. False when no message
  // waits for that.
  bool sleep();
  // One turn of a vat of ours.
  void input(Proxy& proxy, const std::function<void(captp::Effects&)>& turn);
  // Sends on what a reference vat has written.
  void post(const RefVat& from, std::vector<Frame> frames);
  // Fails when a vat of ours has anything left.
  void checkEmpty();

  // Bounds of our links. Set them before links are joined.
  captp::Limits limits;
  // Whether our vats send tail calls to those who take them. Set it before links are joined.
  bool tail_calls = false;
  // What our vats take reference vats for. Set it before links are joined.
  captp::LinkKind app_kind = captp::LinkKind::kApp;
  // Told of every message just before it is delivered.
  std::function<void(const End& from, const End& to, const wire::InMessage&)> watch;

 private:
  static void put(End& end, Proxy& proxy) { end.proxy = &proxy; }
  static void put(End& end, RefVat& app) { end.app = &app; }
  void apply(Proxy& proxy, const captp::Effects& effects);
  End* endOf(const Proxy& proxy, captp::LinkId id);
  void deliverToApp(End& from, End& to);
  void deliverToProxy(End& from, End& to);

  ShadowWorld& shadows_;
  Random& chance_;
  std::optional<vat::Journal::Payloads> record_;
  std::deque<std::unique_ptr<Proxy>> proxies_;
  std::deque<Link> links_;
  Instant now_{};
};

}  // namespace vatmesh::fuzz
