// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/cell.h"

#include "rpc/base/check.h"
#include "rpc/captp/core.h"
#include "rpc/captp/pipeline.h"

namespace vatmesh::captp {

void Cell::onUnused() {
  core_.recycle(*this);
}

void Cell::recycle() {
  pin_.reset();
  told_ = Told::kObject;
  alias_.reset();
  waiting_disembargoes.clear();
}

Cell& Cell::last() {
  Cell* end = this;
  while (end->alias_) end = end->alias_.get();
  // So that a chain, which a peer may make as long as its table, is walked once.
  for (Cell* cell = this; cell->alias_ && cell->alias_.get() != end;) {
    Held<Cell> next = std::exchange(cell->alias_, Held<Cell>(end));
    cell = next.get();
  }
  return *end;
}

void Cell::aliasTo(Cell& cell) {
  Cell& end = cell.last();
  VATMESH_CHECK(&end != this && !alias_);
  alias_ = Held<Cell>(&end);
  pin_.reset();
}

Node* Place::node() const {
  if (cell) return cell->node();
  return static_cast<PathNode*>(path.get())->place();
}

}  // namespace vatmesh::captp
