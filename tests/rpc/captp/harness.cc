// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/captp/harness.h"

#include <algorithm>
#include <utility>

#include "rpc/base/check.h"

namespace vatmesh::captp {

void Peer::send(const wire::FrameRef& frame) {
  send(wire::toMessage(*frame, harness_.buffers_));
}

void Peer::send(wire::InMessage&& message) {
  harness_.turn([&](Effects& out) { harness_.vat_.onMessage(id_, std::move(message), out); });
}

wire::Envelope Peer::next() {
  wire::Envelope envelope;
  if (inbox_.empty()) {
    ADD_FAILURE() << "no message is left in this inbox";
    return envelope;
  }
  Status status = wire::decode(wire::toMessage(*inbox_.front(), harness_.buffers_), {}, envelope);
  EXPECT_TRUE(status.ok()) << status.toString();
  inbox_.pop_front();
  return envelope;
}

wire::FrameRef Peer::take() {
  VATMESH_CHECK(!inbox_.empty());
  wire::FrameRef frame = std::move(inbox_.front());
  inbox_.pop_front();
  return frame;
}

std::string Peer::nextLine() {
  if (inbox_.empty()) return "(nothing)";
  std::string line = wire::describe(*inbox_.front());
  inbox_.pop_front();
  return line;
}

std::string Peer::rest() {
  std::string lines;
  while (!inbox_.empty()) lines += nextLine() + "\n";
  return lines;
}

std::string Peer::sortedRest() {
  std::vector<std::string> lines;
  while (!inbox_.empty()) lines.push_back(nextLine() + "\n");
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

void Peer::bootstrap(uint32_t question) {
  send(wire::buildBootstrap(harness_.frames(), question, ""));
}

void Peer::call(uint32_t question, const wire::OutTarget& target, uint16_t method,
                const std::vector<wire::OutDescriptor>& capabilities) {
  wire::OutCall call;
  call.question_id = question;
  call.target = target;
  call.interface_id = 0x1234;
  call.method_id = method;
  send(wire::buildCall(harness_.frames(), call, capabilities));
}

void Peer::callImport(uint32_t question, uint32_t import, uint16_t method,
                      const std::vector<wire::OutDescriptor>& capabilities) {
  call(question, importedCap(import), method, capabilities);
}

void Peer::callAnswer(uint32_t question, uint32_t answer, const std::vector<uint16_t>& path,
                      uint16_t method, const std::vector<wire::OutDescriptor>& capabilities) {
  call(question, promisedAnswer(answer, path), method, capabilities);
}

void Peer::tailCall(uint32_t question, const wire::OutTarget& target, uint16_t method) {
  wire::OutCall call;
  call.question_id = question;
  call.target = target;
  call.interface_id = 0x1234;
  call.method_id = method;
  call.send_results_to = wire::SendResultsTo::kYourself;
  send(wire::buildCall(harness_.frames(), call, {}));
}

void Peer::returnCaps(uint32_t answer, const std::vector<wire::OutDescriptor>& capabilities) {
  send(wire::buildReturnResults(harness_.frames(), {answer, false}, capabilities));
}

void Peer::returnException(uint32_t answer, const std::string& reason, uint16_t type) {
  send(wire::buildReturnException(harness_.frames(), answer, type, reason));
}

void Peer::takeFrom(uint32_t answer, uint32_t other) {
  send(wire::buildReturnTakeFrom(harness_.frames(), answer, other));
}

void Peer::finish(uint32_t question, bool release_results, bool workaround) {
  send(wire::buildFinish(harness_.frames(), question, release_results, workaround));
}

void Peer::release(uint32_t import, uint32_t count) {
  send(wire::buildRelease(harness_.frames(), import, count));
}

void Peer::resolve(uint32_t promise, const wire::OutDescriptor& descriptor) {
  send(wire::buildResolve(harness_.frames(), promise, descriptor));
}

void Peer::resolveException(uint32_t promise, const std::string& reason) {
  send(wire::buildResolveException(harness_.frames(), promise, 0, reason));
}

void Peer::disembargo(uint32_t id, const wire::OutTarget& target) {
  send(wire::buildDisembargo(harness_.frames(), wire::DisembargoKind::kSenderLoopback, id, target));
}

Harness::~Harness() {
  // I11: when every link is gone, nothing is left and nothing is charged.
  for (auto& peer : peers_) lose(*peer, "the test ends");
  turn([&](Effects& out) { vat_.settle(out); });
  EXPECT_TRUE(empty()) << vat_.dump();
  EXPECT_TRUE(starts_.empty()) << "restores are neither completed nor canceled";
}

Peer& Harness::add(LinkKind kind, const Limits& limits, const Profile& profile) {
  vat::LinkInfo info;
  info.kind = kind;
  info.limits = limits;
  info.profile = profile;
  peers_.push_back(std::make_unique<Peer>(*this, vat_.addLink(info)));
  return *peers_.back();
}

Peer* Harness::find(LinkId id) {
  for (auto& peer : peers_) {
    if (peer->id() == id) return peer.get();
  }
  return nullptr;
}

void Harness::run() {
  if (landing_) return;
  landing_ = true;
  do {
    land(std::exchange(queue_, {}));
  } while (!queue_.empty());
  landing_ = false;
}

void Harness::land(Effects effects) {
  for (Effect& effect : effects) {
    if (objects_.apply(effect)) {
      continue;
    } else if (auto* send = std::get_if<Send>(&effect)) {
      find(send->link)->inbox_.push_back(std::move(send->frame));
    } else if (auto* close = std::get_if<Close>(&effect)) {
      find(close->link)->closed_ = close->reason;
    } else if (auto* start = std::get_if<Start>(&effect)) {
      starts_.push_back(*start);
    } else if (auto* cancel = std::get_if<Cancel>(&effect)) {
      size_t before = starts_.size();
      std::erase_if(starts_, [&](const Start& s) { return s.op == cancel->op; });
      EXPECT_EQ(starts_.size() + 1, before) << "canceled what was never started";
    } else if (auto* idle = std::get_if<Idle>(&effect)) {
      Peer& peer = *find(idle->link);
      EXPECT_NE(peer.told_idle_, idle->idle) << "told again what was told last";
      peer.told_idle_ = idle->idle;
    } else if (auto* pause = std::get_if<Pause>(&effect)) {
      EXPECT_FALSE(std::exchange(find(pause->link)->paused_, true)) << "paused twice";
    } else if (auto* resume = std::get_if<Resume>(&effect)) {
      EXPECT_TRUE(std::exchange(find(resume->link)->paused_, false)) << "resumed twice";
    }
  }
  auto broken = vat_.checkInvariants();
  EXPECT_FALSE(broken) << *broken << "\n" << vat_.dump();
}

bool Harness::empty() const {
  captp::TableSizes sizes = vat_.tableSizes();
  return sizes.questions + sizes.answers + sizes.exports + sizes.imports + sizes.objects +
             sizes.calls + sizes.charged_bytes ==
         0;
}

const Restore& Harness::restore() const {
  EXPECT_FALSE(starts_.empty());
  return starts_.front().restore;
}

OpId Harness::takeRestore() {
  if (starts_.empty()) {
    ADD_FAILURE() << "no restore is under way";
    return {};
  }
  OpId op = starts_.front().op;
  starts_.pop_front();
  return op;
}

void Harness::complete(Peer& bootstrap_of, std::string object_id) {
  OpId op = takeRestore();
  turn([&](Effects& out) {
    vat_.complete(op, vat::BootstrapOf{bootstrap_of.id(), std::move(object_id)}, out);
  });
}

void Harness::completeWith(const Status& error) {
  OpId op = takeRestore();
  turn([&](Effects& out) { vat_.complete(op, error, out); });
}

void Harness::completeWith(Capability capability, CallId awaits) {
  OpId op = takeRestore();
  turn([&](Effects& out) { vat_.complete(op, vat::Restored{std::move(capability), awaits}, out); });
}

ObjectId Harness::completeGated(Peer& bootstrap_of, const std::string& object_id) {
  OpId op = takeRestore();
  ObjectId gate;
  turn([&](Effects& out) { gate = vat_.completeGated(op, {bootstrap_of.id(), object_id}, out); });
  return gate;
}

void Harness::lose(Peer& peer, const std::string& reason) {
  turn([&](Effects& out) { vat_.onLost(peer.id(), Status(Code::kDisconnected, reason), out); });
  while (vat_.nextDeadline() <= now_) tick(now_);
}

void Harness::tick(Instant now) {
  now_ = now;
  turn([&](Effects& out) { vat_.onTick(now, out); });
}

void Harness::flush(Peer& peer) {
  turn([&](Effects& out) { vat_.onFlushed(peer.id(), vat_.queuedBytes(peer.id()), out); });
}

void Harness::connect(Peer& a, Peer& app) {
  a.bootstrap(0);
  complete(app);
  uint32_t question = app.next().id;
  app.send(wire::buildReturnCapability(frames(), question, senderHosted(0)));
  wire::Envelope returned = a.next();
  ASSERT_EQ(returned.kind, wire::MessageKind::kReturn);
  ASSERT_EQ(returned.descriptors.size(), 1u);
  ASSERT_EQ(returned.descriptors[0].id, 0u);
  a.finish(0);
  ASSERT_EQ(app.next().kind, wire::MessageKind::kFinish);
  ASSERT_TRUE(a.quiet() && app.quiet());
}

}  // namespace vatmesh::captp
