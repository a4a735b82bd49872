// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/budget.h"

#include <numeric>

#include "rpc/base/check.h"

namespace vatmesh::captp {
namespace {

constexpr size_t at(Load load) {
  return static_cast<size_t>(load);
}

}  // namespace

uint64_t Budget::askedIn(const Bytes& bytes) {
  return bytes[at(Load::kSent)] + bytes[at(Load::kWaiting)];
}

Budget::Account* Budget::find(LinkId link) {
  if (!link || link.slot >= accounts_.size()) return nullptr;
  Account& account = accounts_[link.slot];
  return account.generation == link.generation ? &account : nullptr;
}

const Budget::Account* Budget::find(LinkId link) const {
  return const_cast<Budget*>(this)->find(link);
}

void Budget::open(LinkId link, uint64_t soft) {
  if (accounts_.size() <= link.slot) accounts_.resize(link.slot + 1);
  Account& account = accounts_[link.slot];
  VATMESH_CHECK(account.generation == 0);
  account.generation = link.generation;
  account.soft = soft;
}

void Budget::close(LinkId link) {
  Account* account = find(link);
  VATMESH_CHECK(account != nullptr);
  for (size_t i = 0; i < kLoads; ++i) nobodys_[i] += account->bytes[i];
  *account = {};
}

void Budget::add(LinkId link, Load load, uint64_t bytes) {
  total_ += bytes;
  loads_[at(load)] += bytes;
  Account* account = find(link);
  if (!account) {
    nobodys_[at(load)] += bytes;
    return;
  }
  account->bytes[at(load)] += bytes;
  if (account->above || askedIn(account->bytes) <= account->soft) return;
  account->above = true;
  account->until = account->soft / 2;
  changed_.push_back(link);
}

void Budget::remove(LinkId link, Load load, uint64_t bytes) {
  Account* account = find(link);
  uint64_t& charged = (account ? account->bytes : nobodys_)[at(load)];
  VATMESH_DCHECK(charged >= bytes);
  charged -= bytes;
  total_ -= bytes;
  loads_[at(load)] -= bytes;
  if (!account || !account->above || askedIn(account->bytes) > account->until) return;
  account->above = false;
  changed_.push_back(link);
}

const Budget::Bytes& Budget::of(LinkId link) const {
  const Account* account = find(link);
  return account ? account->bytes : nobodys_;
}

uint64_t Budget::heldFor(LinkId link) const {
  const Bytes& bytes = of(link);
  return std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
}

uint64_t Budget::asked(LinkId link) const {
  return askedIn(of(link));
}

void Budget::press(LinkId link) {
  Account* account = find(link);
  VATMESH_DCHECK(account && !account->above && askedIn(account->bytes) > 0);
  account->above = true;
  account->until = askedIn(account->bytes) / 4;
  changed_.push_back(link);
}

bool Budget::above(LinkId link) const {
  const Account* account = find(link);
  return account && account->above;
}

}  // namespace vatmesh::captp
