// SPDX-License-Identifier: Apache-2.0
//
// Measures a SQLite store of many refs: restores (get), cold and warm, and durable saves (put),
// each beside a bare loop over the same statements on the same kind of file, in the same run and
// alternating, so that a noisy machine disturbs both. The store is what a sidecar has, with its
// cache before it, which the rows of refs in use are about: any others come from SQLite. It judges
// nothing.
//
// usage: store-bench [--refs N] [--rounds N] [--dir FOLDER]
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "persistence/store_factory.h"
#include "rpc/base/check.h"
#include "rpc/crypto/digest.h"
#include "sidecar/event/loop.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::store {
namespace {

using Clock = std::chrono::steady_clock;

// As many at once as a busy sidecar may have under way.
constexpr size_t kDepth = 256;
constexpr size_t kSaveDepth = 1024;
// Refs that are used again and again; they fit the cache.
constexpr uint64_t kInUse = 10'000;
// What one commit of the bare loop holds: as many as the store has waiting.
constexpr size_t kBareBatch = 512;

struct Settings {
  uint64_t refs = 1'000'000;
  int rounds = 5;
  std::string dir = std::filesystem::temp_directory_path().string();
};

Digest digestOf(uint64_t number) {
  return *Digest::fromBytes(
      crypto::sha256({reinterpret_cast<const char*>(&number), sizeof(number)}));
}

Record recordOf(uint64_t number) {
  Record record;
  record.object_ref.assign(64, static_cast<char>('a' + number % 26));
  record.label = "account " + std::to_string(number);
  record.created = UnixTime(std::chrono::milliseconds(1'700'000'000'000 + number));
  record.owner = digestOf(~number % 1000);
  return record;
}

// One way of doing one thing: its rates, round by round, and the latency of every operation.
struct Series {
  std::vector<double> rates;
  std::vector<double> microseconds;

  double rate() const { return at(rates, 0.5); }
  double percentile(double p) const { return at(microseconds, p); }

 private:
  static double at(std::vector<double> values, double p) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[static_cast<size_t>(p * static_cast<double>(values.size() - 1))];
  }
};

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void report(const std::string& what, const Series& store, const Series& bare) {
  std::printf("%-34s %10.0f/s %8.0f µs %8.0f µs   %10.0f/s %8.0f µs %8.0f µs   %5.2f\n",
              what.c_str(), store.rate(), store.percentile(0.5), store.percentile(0.99),
              bare.rate(), bare.percentile(0.5), bare.percentile(0.99), store.rate() / bare.rate());
  std::fflush(stdout);
}

// The bare loop: SQLite alone, on one thread, with the store's settings and statements.
class Bare {
 public:
  explicit Bare(const std::string& path) {
    VATMESH_CHECK(sqlite3_open(path.c_str(), &db_) == SQLITE_OK);
    run("PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;"
        "PRAGMA cell_size_check = ON");
    sqlite3_busy_timeout(db_, 10'000);
    get_ = prepare("SELECT version, record FROM refs WHERE digest = ?1");
    put_ = prepare(
        "INSERT INTO refs (digest, version, expires, record) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (digest) DO UPDATE SET version = ?2, expires = ?3, record = ?4"
        " WHERE expires <= ?5");
  }
  ~Bare() {
    sqlite3_finalize(get_);
    sqlite3_finalize(put_);
    sqlite3_close(db_);
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  void run(const char* sql) {
    VATMESH_CHECK(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }

  size_t get(const Digest& digest) {
    sqlite3_bind_blob(get_, 1, digest.bytes.data(), 32, SQLITE_STATIC);
    VATMESH_CHECK(sqlite3_step(get_) == SQLITE_ROW);
    const auto* data = static_cast<const char*>(sqlite3_column_blob(get_, 1));
    const std::string copy(data, static_cast<size_t>(sqlite3_column_bytes(get_, 1)));
    sqlite3_reset(get_);
    return copy.size();
  }

  void put(const Digest& digest, const std::string& encoded) {
    sqlite3_bind_blob(put_, 1, digest.bytes.data(), 32, SQLITE_STATIC);
    sqlite3_bind_int64(put_, 2, static_cast<int64_t>(versionOf(encoded)));
    sqlite3_bind_null(put_, 3);
    sqlite3_bind_blob(put_, 4, encoded.data(), static_cast<int>(encoded.size()), SQLITE_STATIC);
    sqlite3_bind_int64(put_, 5, 0);
    VATMESH_CHECK(sqlite3_step(put_) == SQLITE_DONE);
    sqlite3_reset(put_);
  }

 private:
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    VATMESH_CHECK(sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                                     nullptr) == SQLITE_OK);
    return statement;
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
};

// The store with its loop, as the sidecar has it.
class Subject {
 public:
  explicit Subject(const std::string& path)
      : store_(makeStore(
            {.kind = StoreKind::kSqlite, .path = path},
            [this](std::function<void()> callback) { loop_.post(std::move(callback)); })) {}

  // Keeps `depth` operations under way until `count` are done; `start(i, done)` begins one.
  template <typename Start>
  void keep(size_t count, size_t depth, Series& series, Start start) {
    size_t begun = 0, done = 0;
    const auto first = Clock::now();
    std::function<void()> next = [&] {
      if (begun == count) return;
      const auto started = Clock::now();
      start(begun++, [&, started](bool ok) {
        VATMESH_CHECK(ok);
        series.microseconds.push_back(secondsSince(started) * 1e6);
        ++done;
        next();
      });
    };
    for (size_t i = 0; i < depth; ++i) next();
    VATMESH_CHECK(loop_.runUntil([&] { return done == count; }, std::chrono::minutes(10)));
    series.rates.push_back(static_cast<double>(count) / secondsSince(first));
  }

  void restore(const std::vector<Digest>& digests, size_t depth, Series& series) {
    keep(digests.size(), depth, series, [&](size_t i, std::function<void(bool)> done) {
      store_->get(digests[i], [done](const Result<Stored>& stored) { done(stored.ok()); });
    });
  }

  void save(uint64_t first, size_t count, Series& series) {
    keep(count, kSaveDepth, series, [&](size_t i, std::function<void(bool)> done) {
      store_->put(digestOf(first + i), recordOf(first + i), kNoVersion,
                  [done](const Result<Version>& version) { done(version.ok()); });
    });
  }

 private:
  event::Loop loop_;
  std::unique_ptr<Store> store_;
};

void restoreBare(Bare& bare, const std::vector<Digest>& digests, Series& series) {
  const auto first = Clock::now();
  for (const Digest& digest : digests) {
    const auto started = Clock::now();
    VATMESH_CHECK(bare.get(digest) > 0);
    series.microseconds.push_back(secondsSince(started) * 1e6);
  }
  series.rates.push_back(static_cast<double>(digests.size()) / secondsSince(first));
}

void saveBare(Bare& bare, uint64_t first, size_t count, Series& series) {
  const auto began = Clock::now();
  for (size_t i = 0; i < count; i += kBareBatch) {
    const auto started = Clock::now();
    const size_t batch = std::min(kBareBatch, count - i);
    bare.run("BEGIN IMMEDIATE");
    for (size_t k = 0; k < batch; ++k) {
      bare.put(digestOf(first + i + k), *encodeRecord(recordOf(first + i + k)));
    }
    bare.run("COMMIT");
    series.microseconds.insert(series.microseconds.end(), batch, secondsSince(started) * 1e6);
  }
  series.rates.push_back(static_cast<double>(count) / secondsSince(began));
}

// Puts all refs there in the order of their digests, which is quick, and not what is measured.
void fill(const std::string& path, uint64_t refs) {
  {
    Subject make(path);
    Series ignored;
    make.save(refs, 1, ignored);
  }
  std::vector<std::pair<Digest, uint64_t>> order(refs);
  for (uint64_t i = 0; i < refs; ++i) order[i] = {digestOf(i), i};
  std::sort(order.begin(), order.end());
  Bare bare(path);
  bare.run("BEGIN");
  for (const auto& [digest, number] : order) bare.put(digest, *encodeRecord(recordOf(number)));
  bare.run("COMMIT");
  bare.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

// Asks the system to forget the file's pages: the next reads come from the disk.
void forget(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

std::vector<Digest> choose(uint64_t refs, size_t count, std::mt19937_64& random) {
  std::vector<Digest> digests;
  for (size_t i = 0; i < count; ++i) digests.push_back(digestOf(random() % refs));
  return digests;
}

// `refs` of them are used.
void measureWarm(const std::string& path, const Settings& settings, uint64_t refs, size_t depth,
                 std::mt19937_64& random) {
  const size_t count = std::min<uint64_t>(settings.refs, depth == 1 ? 20'000 : 200'000);
  Subject subject(path);
  Bare bare(path);
  Series store_series, bare_series, ignored;
  subject.restore(choose(refs, count, random), depth, ignored);
  restoreBare(bare, choose(refs, count, random), ignored);
  for (int round = 0; round < settings.rounds; ++round) {
    const std::vector<Digest> digests = choose(refs, count, random);
    subject.restore(digests, depth, store_series);
    restoreBare(bare, digests, bare_series);
  }
  const std::string which = refs < settings.refs ? "restores, in use, " : "restores, warm, ";
  report(which + (depth == 1 ? "one at a time" : "256 under way"), store_series, bare_series);
}

void measureCold(const std::string& path, const Settings& settings, size_t depth,
                 std::mt19937_64& random) {
  const size_t count = std::min<uint64_t>(settings.refs / 10, 2'000);
  Series store_series, bare_series;
  for (int round = 0; round < settings.rounds; ++round) {
    const std::vector<Digest> digests = choose(settings.refs, count, random);
    forget(path);
    Subject(path).restore(digests, depth, store_series);
    forget(path);
    Bare bare(path);
    restoreBare(bare, digests, bare_series);
  }
  report(depth == 1 ? "restores, cold, one at a time" : "restores, cold, 256 under way",
         store_series, bare_series);
}

void measureSaves(const std::string& path, const Settings& settings) {
  const size_t count = std::min<uint64_t>(settings.refs, 20'000);
  Subject subject(path);
  Bare bare(path);
  Series store_series, bare_series;
  uint64_t first = settings.refs + 1;
  for (int round = 0; round < settings.rounds; ++round) {
    subject.save(first, count, store_series);
    saveBare(bare, first + count, count, bare_series);
    first += 2 * count;
  }
  report("saves, durable, committed together", store_series, bare_series);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--refs") settings.refs = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--rounds") settings.rounds = std::atoi(argv[i + 1]);
    if (name == "--dir") settings.dir = argv[i + 1];
  }
  return settings;
}

}  // namespace
}  // namespace vatmesh::store

int main(int argc, char** argv) {
  using namespace vatmesh::store;
  const Settings settings = parse(argc, argv);
  const vatmesh::test::TempDir dir(settings.dir);
  const std::string path = dir / "refs";
  std::mt19937_64 random(1);
  fill(path, settings.refs);
  std::printf("%llu refs, %.0f MB in SQLite %s\n", static_cast<unsigned long long>(settings.refs),
              static_cast<double>(std::filesystem::file_size(path)) / 1e6, sqlite3_libversion());
  std::printf("%-34s %12s %11s %11s   %12s %11s %11s   %5s\n", "", "store", "median", "p99", "bare",
              "median", "p99", "ratio");
  for (const size_t depth : {size_t{1}, kDepth}) measureCold(path, settings, depth, random);
  for (const uint64_t refs : {settings.refs, std::min(settings.refs, kInUse)}) {
    for (const size_t depth : {size_t{1}, kDepth}) {
      measureWarm(path, settings, refs, depth, random);
    }
  }
  measureSaves(path, settings);
  return 0;
}
