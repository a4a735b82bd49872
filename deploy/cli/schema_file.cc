// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/schema_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <kj/exception.h>

#include "deploy/cli/names.h"
#include "deploy/cli/uri_source.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {

// What is wrong: every error on a line of its own.
class SchemaErrors {
 public:
  // `path` is how the parser names the file that the user calls `shown`; it has others from the
  // root folder.
  SchemaErrors(std::string path, std::string shown)
      : path_(std::move(path)), shown_(std::move(shown)) {}

  void add(const std::string& file, capnp::SchemaFile::SourcePos place, kj::StringPtr message) {
    text_ += (text_.empty() ? "" : "\nvatmesh: ") + (file == path_ ? shown_ : "/" + file) + ":" +
             std::to_string(place.line + 1) + ":" + std::to_string(place.column + 1) + ": " +
             message.cStr();
  }
  const std::string& text() const { return text_; }

 private:
  std::string path_;
  std::string shown_;
  std::string text_;
};

namespace {

// libcapnp's destructor is not virtual: it is only called through what made the object.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

// A file, and those that it imports, whose errors are gathered rather than thrown one by one.
class ReportingFile final : public capnp::SchemaFile {
 public:
  ReportingFile(kj::Own<capnp::SchemaFile>&& file, SchemaErrors& errors)
      : file_(kj::mv(file)), errors_(errors) {}

  kj::StringPtr getDisplayName() const override { return file_->getDisplayName(); }
  kj::Array<const char> readContent() const override { return file_->readContent(); }
  kj::Maybe<kj::Own<capnp::SchemaFile>> import(kj::StringPtr path) const override {
    KJ_IF_MAYBE (imported, file_->import(path)) {
      return kj::Own<capnp::SchemaFile>(kj::heap<ReportingFile>(kj::mv(*imported), errors_));
    }
    return nullptr;
  }
  bool operator==(const capnp::SchemaFile& other) const override {
    return *file_ == *static_cast<const ReportingFile&>(other).file_;
  }
  bool operator!=(const capnp::SchemaFile& other) const override { return !(*this == other); }
  size_t hashCode() const override { return file_->hashCode(); }
  void reportError(SourcePos start, SourcePos, kj::StringPtr message) const override {
    errors_.add(file_->getDisplayName().cStr(), start, message);
  }

 private:
  kj::Own<capnp::SchemaFile> file_;
  SchemaErrors& errors_;
};

#pragma GCC diagnostic pop

// The interfaces below `schema`, as the user would write them.
void addInterfaces(const capnp::ParsedSchema& schema, const std::string& prefix,
                   std::vector<std::string>& out) {
  for (const capnp::ParsedSchema& nested : schema.getAllNested()) {
    std::string name = prefix + nested.getUnqualifiedName().cStr();
    if (nested.getProto().isInterface()) out.push_back(name);
    addInterfaces(nested, name + ".", out);
  }
}

// The methods of `interface` and of those that it extends. A diamond is told once.
void addMethods(capnp::InterfaceSchema interface, std::vector<std::string>& out) {
  for (capnp::InterfaceSchema::Method method : interface.getMethods()) {
    std::string name = method.getProto().getName().cStr();
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  for (capnp::InterfaceSchema parent : interface.getSuperclasses()) addMethods(parent, out);
}

kj::Maybe<capnp::ParsedSchema> findNested(capnp::ParsedSchema schema, std::string_view words) {
  while (true) {
    const size_t dot = words.find('.');
    kj::Maybe<capnp::ParsedSchema> found =
        schema.findNested(kj::str(std::string(words.substr(0, dot))));
    if (found == nullptr || dot == std::string_view::npos) return found;
    schema = KJ_ASSERT_NONNULL(found);
    words.remove_prefix(dot + 1);
  }
}

}  // namespace

SchemaFile::SchemaFile() = default;
SchemaFile::~SchemaFile() = default;

Result<std::unique_ptr<SchemaFile>> SchemaFile::parse(
    const std::string& path, const std::vector<std::string>& import_folders) {
  if (Status status = checkPath(path); !status.ok()) return status;
  // What the parser says about a file that it can't read is about the parser.
  if (access(path.c_str(), R_OK) != 0) {
    const Code code = errno == EACCES ? Code::kRefused : Code::kInvalidArgument;
    return Status(code, path + ": " + std::strerror(errno));
  }
  std::unique_ptr<SchemaFile> file(new SchemaFile);
  file->path_ = path;
  Status status;
  kj::Maybe<kj::Exception> failure = kj::runCatchingExceptions([&] {
    file->filesystem_ = kj::newDiskFilesystem();
    status = file->openImportFolders(import_folders);
    if (status.ok()) status = file->parseFile(path);
  });
  KJ_IF_MAYBE (exception, failure) {
    return Status(Code::kInvalidArgument, path + ": " + exception->getDescription().cStr());
  }
  if (!status.ok()) return status;
  return file;
}

Status SchemaFile::openImportFolders(const std::vector<std::string>& folders) {
  const kj::PathPtr here = filesystem_->getCurrentPath();
  for (const std::string& folder : folders) {
    kj::Maybe<kj::Own<const kj::ReadableDirectory>> opened =
        std::as_const(filesystem_->getRoot()).tryOpenSubdir(here.evalNative(folder));
    KJ_IF_MAYBE (directory, opened) {
      import_folders_.push_back(kj::mv(*directory));
    } else {
      return {Code::kInvalidArgument, "--import-path: " + config::quote(folder) + " is no folder"};
    }
  }
  for (const char* folder : {"/usr/local/include", "/usr/include"}) {
    kj::Maybe<kj::Own<const kj::ReadableDirectory>> opened =
        std::as_const(filesystem_->getRoot()).tryOpenSubdir(here.evalNative(folder));
    KJ_IF_MAYBE (directory, opened) import_folders_.push_back(kj::mv(*directory));
  }
  for (const auto& folder : import_folders_) import_path_.push_back(folder.get());
  return Status();
}

Status SchemaFile::parseFile(const std::string& path) {
  parser_ = std::make_unique<capnp::SchemaParser>();
  kj::Path absolute = filesystem_->getCurrentPath().evalNative(path);
  errors_ = std::make_unique<SchemaErrors>(absolute.toString().cStr(), path);
  schema_ = parser_->parseFile(kj::heap<ReportingFile>(
      capnp::SchemaFile::newFromDirectory(filesystem_->getRoot(), kj::mv(absolute),
                                          kj::arrayPtr(import_path_.data(), import_path_.size())),
      *errors_));
  return errors_->text().empty() ? Status() : Status(Code::kInvalidArgument, errors_->text());
}

Result<SchemaFile::Method> SchemaFile::method(std::string_view words) const {
  const size_t dot = words.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == words.size()) {
    return Status(Code::kInvalidArgument, config::quote(words) +
                                              " is no method; write Interface.method, as in "
                                              "Calculator.evaluate");
  }
  const std::string_view interface_name = words.substr(0, dot);
  const std::string_view method_name = words.substr(dot + 1);
  std::vector<std::string> interfaces;
  addInterfaces(schema_, "", interfaces);
  kj::Maybe<capnp::ParsedSchema> found = findNested(schema_, interface_name);
  KJ_IF_MAYBE (schema, found) {
    if (schema->getProto().isInterface()) {
      capnp::InterfaceSchema interface = schema->asInterface();
      KJ_IF_MAYBE (method, interface.findMethodByName(kj::str(std::string(method_name)))) {
        return Method{interface, *method};
      }
      std::vector<std::string> methods;
      addMethods(interface, methods);
      return unknownName("method", method_name, std::string(interface_name), methods);
    }
  }
  return unknownName("interface", interface_name, path_, interfaces);
}

}  // namespace vatmesh::deploy
