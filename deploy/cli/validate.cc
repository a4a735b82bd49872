// SPDX-License-Identifier: Apache-2.0
//
// vatmesh validate FILE
#include <cstdio>

#include "deploy/cli/command.h"
#include "sidecar/config/load.h"

namespace vatmesh::deploy {
namespace {

int run(const Arguments& arguments) {
  const std::string& file = arguments.operands[0];
  Result<config::Source> source = config::readSource(file);
  if (!source) return complain(source.status());
  config::Loaded loaded = config::load(*source);
  for (const std::string& error : loaded.errors) std::fprintf(stderr, "%s\n", error.c_str());
  if (!loaded.config) return kUsage;
  for (const std::string& warning : loaded.config->warnings) {
    std::fprintf(stderr, "%s: warning: %s\n", file.c_str(), warning.c_str());
  }
  return print(file + ": ok\n");
}

}  // namespace

const Command kValidate{
    "validate",
    "FILE",
    1,
    "Check a sidecar's configuration without starting it",
    "Prints everything that is wrong, each as FILE:LINE:COLUMN: what is wrong; what would be\n"
    "right, and ends with 64 then. FILE may be - for standard input.\n"
    "\nexample:\n"
    "  vatmesh validate sidecar.yaml\n",
    {},
    run};

}  // namespace vatmesh::deploy
