// SPDX-License-Identifier: Apache-2.0
//
// SchemaFile is a .capnp file read at run time, and the methods that it declares.
// libcapnp's exceptions stop here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <capnp/schema-parser.h>
#include <capnp/schema.h>
#include <kj/filesystem.h>

#include "rpc/base/status.h"

namespace vatmesh::deploy {

class SchemaErrors;

class SchemaFile {
 public:
  // A method as the user named it. `interface` is the one that was named, which may inherit the
  // method. Both are valid as long as their SchemaFile.
  struct Method {
    capnp::InterfaceSchema interface;
    capnp::InterfaceSchema::Method method;
  };

  ~SchemaFile();

  // Parses the file at `path`. Imports that start with "/" are looked for in `import_folders`, then
  // where the system keeps Cap'n Proto's own files. kNotFound, kRefused or kInvalidArgument, with
  // every error of the file on a line of its own.
  static Result<std::unique_ptr<SchemaFile>> parse(const std::string& path,
                                                   const std::vector<std::string>& import_folders);

  // Finds `Interface.method`; an interface inside another declaration is `Outer.Interface`.
  // kInvalidArgument says what is there instead.
  Result<Method> method(std::string_view words) const;

 private:
  SchemaFile();

  Status openImportFolders(const std::vector<std::string>& folders);
  Status parseFile(const std::string& path);

  std::string path_;
  // The parser comes last: it uses what stands before it until its end.
  kj::Own<kj::Filesystem> filesystem_;
  std::vector<kj::Own<const kj::ReadableDirectory>> import_folders_;
  std::vector<const kj::ReadableDirectory*> import_path_;
  std::unique_ptr<SchemaErrors> errors_;
  std::unique_ptr<capnp::SchemaParser> parser_;
  capnp::ParsedSchema schema_;
};

}  // namespace vatmesh::deploy
