// SPDX-License-Identifier: Apache-2.0
//
// vatmesh refs list|show|revoke
#include <array>
#include <string>

#include "deploy/cli/command.h"
#include "deploy/cli/refs_store.h"
#include "deploy/cli/refs_text.h"

namespace vatmesh::deploy {
namespace {

int list(const Arguments& arguments) {
  Result<std::unique_ptr<RefsStore>> refs = RefsStore::open(arguments);
  if (!refs) return complain(refs.status());
  const bool json = arguments.has("--json");
  std::string out = json ? "[" : refsTableHead(), token, between = "\n";
  do {
    Result<store::Page> page = (*refs)->list(token);
    if (!page) return complain(page.status());
    for (const store::Listed& listed : page->refs) {
      if (listed.stored.ok() && listed.stored->record.counter) continue;
      out += json ? between + refJson(listed) : refsTableLine(listed);
      between = ",\n";
    }
    if (int code = print(out); code != kDone) return code;
    out.clear();
    token = page->next;
  } while (!token.empty());
  return json ? print("\n]\n") : kDone;
}

int show(const Arguments& arguments) {
  Result<std::unique_ptr<RefsStore>> refs = RefsStore::open(arguments);
  if (!refs) return complain(refs.status());
  Result<store::Digest> digest = (*refs)->find(arguments.operands[0]);
  if (!digest) return complain(digest.status());
  Result<store::Stored> stored = (*refs)->get(*digest);
  if (!stored) return complain(stored.status());
  if (arguments.has("--json")) return print(refJson({*digest, stored}) + "\n");
  return print(refText(*digest, stored->record));
}

int revoke(const Arguments& arguments) {
  Result<std::unique_ptr<RefsStore>> refs = RefsStore::open(arguments);
  if (!refs) return complain(refs.status());
  Result<store::Digest> digest = (*refs)->find(arguments.operands[0]);
  if (!digest) return complain(digest.status());
  if (Status status = (*refs)->remove(*digest); !status.ok()) return complain(status);
  return print("revoked " + digest->shortName() + "\n");
}

constexpr Flag kStore{"--store", "STORE", "files:DIR or sqlite:FILE"};
constexpr Flag kConfig{"--config", "FILE", "the sidecar's configuration, which names its store"};
constexpr Flag kJson{"--json", "", "write JSON"};
constexpr std::array<Flag, 3> kFlags{kConfig, kStore, kJson};
constexpr std::array<Flag, 2> kRevokeFlags{kConfig, kStore};

}  // namespace

const Command kRefsList{
    "refs list",
    "",
    0,
    "List the sturdy refs in a store",
    "A ref is named by the beginning of its id's digest; the id itself, which is the right to use\n"
    "it, is in no store. OWNER is the key of who saved it, or - for the vat itself; FOR is the\n"
    "key that it is sealed for. A sidecar may have the store open. files:DIR reads what the\n"
    "OCaml library's File_store keeps, too.\n"
    "\nexample:\n"
    "  vatmesh refs list --config sidecar.yaml\n",
    kFlags,
    list};

const Command kRefsShow{
    "refs show",
    "REF",
    1,
    "Show one sturdy ref in a store",
    "REF is the beginning of its digest as refs list shows it, or its URI, or the path of a cap\n"
    "file. A REF that is not there ends with 77.\n"
    "\nexample:\n"
    "  vatmesh refs show 47DEQpj8HB --store sqlite:refs.db\n",
    kFlags,
    show};

const Command kRefsRevoke{
    "refs revoke",
    "REF",
    1,
    "Take a sturdy ref back",
    "Removes the ref from the store; a sidecar that has it open learns of that within a second "
    "and\n"
    "stops what was restored from the ref, wherever it was handed on to. REF is the beginning of\n"
    "its digest as refs list shows it, or its URI, or the path of a cap file. A REF that is not\n"
    "there ends with 77.\n"
    "\nexample:\n"
    "  vatmesh refs revoke 47DEQpj8HB --config sidecar.yaml\n",
    kRevokeFlags,
    revoke};

}  // namespace vatmesh::deploy
