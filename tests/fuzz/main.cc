// SPDX-License-Identifier: Apache-2.0
//
// vatmesh-fuzz plays random runs until the time is over or one fails; that one is made smaller and
// printed, with all its messages. See README.md.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "rpc/captp/planted.h"
#include "tests/fuzz/journal_replay.h"
#include "tests/fuzz/world.h"

namespace vatmesh::fuzz {
namespace {

struct Options {
  double seconds = 10;
  uint64_t seed = 1;
  uint64_t runs = UINT64_MAX;
  bool replay = false;  // `seed` alone
  bool minimise = true;
};

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// What a child process tells, and what is left of it when it dies.
struct Told {
  uint64_t seed;
  uint64_t runs;
  char failure[1024];
};

// Runs `work` in a process of its own, since a broken invariant ends it.
template <typename Work>
std::string isolated(Told& told, Work work) {
  std::fflush(nullptr);
  told.failure[0] = 0;
  pid_t child = fork();
  if (child == 0) {
    std::string failure = work();
    std::strncpy(told.failure, failure.c_str(), sizeof told.failure - 1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (told.failure[0] != 0) return told.failure;
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "ended with " + std::to_string(WEXITSTATUS(status));
  return "";
}

std::string playIsolated(const Run& run, Told& told) {
  return isolated(told, [&] {
    // While a run is made smaller, what its crashes print is noise.
    if (!std::freopen("/dev/null", "w", stderr)) return std::string();
    alarm(20);
    return play(run);
  });
}

// Leaves out actions, many at first, as long as the run fails.
Run smaller(Run run, Told& told) {
  for (size_t part = run.actions.size() / 2; part > 0;) {
    bool shrunk = false;
    for (size_t at = 0; at < run.actions.size();) {
      Run shorter = run;
      auto begin = shorter.actions.begin() + static_cast<std::ptrdiff_t>(at);
      size_t size = std::min(part, run.actions.size() - at);
      shorter.actions.erase(begin, begin + static_cast<std::ptrdiff_t>(size));
      if (!playIsolated(shorter, told).empty()) {
        run = std::move(shorter);
        shrunk = true;
      } else {
        at += part;
      }
    }
    if (part == 1 && !shrunk) break;
    part = part == 1 ? 1 : part / 2;
  }
  return run;
}

void report(const Run& run, const std::string& failure, Told& told) {
  std::printf("\nseed %llu fails with %zu actions: %s\n\n%s\n",
              static_cast<unsigned long long>(run.seed), run.actions.size(), failure.c_str(),
              toCode(run).c_str());
  std::printf("what happened:\n");
  isolated(told, [&] {
    // Line by line, since a crash may end it.
    World world(run.seed, true);
    size_t printed = 0;
    auto print = [&] {
      for (; printed < world.log().size(); ++printed) {
        std::printf("  %s\n", world.log()[printed].c_str());
      }
      std::fflush(stdout);
    };
    for (const Action& action : run.actions) {
      if (!world.failure().empty()) break;
      world.act(action);
      print();
    }
    if (world.failure().empty()) world.finish();
    print();
    std::printf("  => %s\n", world.failure().c_str());
    std::fflush(stdout);
    return std::string();
  });
}

int fuzz(const Options& options) {
  auto* told = static_cast<Told*>(
      mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  double begin = now();
  std::string failure = isolated(*told, [&] {
    for (uint64_t seed = options.seed; told->runs < options.runs; ++seed) {
      told->seed = seed;
      alarm(60);
      std::string bad = play(makeRun(seed));
      if (!bad.empty()) return bad;
      ++told->runs;
      if (now() - begin > options.seconds) break;
    }
    return std::string();
  });
  if (failure.empty()) {
    std::printf("%llu runs from seed %llu on in %.0f s: all is well\n",
                static_cast<unsigned long long>(told->runs),
                static_cast<unsigned long long>(options.seed), now() - begin);
    return 0;
  }
  std::printf("after %.1f s: seed %llu fails: %s\n", now() - begin,
              static_cast<unsigned long long>(told->seed), failure.c_str());
  Run run = makeRun(told->seed);
  if (options.minimise) {
    run = smaller(run, *told);
    failure = playIsolated(run, *told);
  }
  report(run, failure, *told);
  return 1;
}

// Plays the journal of a live vat; prints each input and what it led to.
int replay(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    std::printf("%s: %s\n", file.c_str(), std::strerror(errno));
    return 2;
  }
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  // Line by line, since a broken invariant may end the process.
  auto print = [](const char* before) {
    return [before](const std::string& line) {
      std::printf("%s%s\n", before, line.c_str());
      std::fflush(stdout);
    };
  };
  ReplayResult result = replayJournal(bytes, print(""), print("    "));
  std::printf("%llu inputs%s%s: %s\n", static_cast<unsigned long long>(result.inputs),
              result.cut ? ", then the journal is cut off" : "",
              result.full ? ", then the journal was full" : "",
              result.failure.empty() ? "all is well" : result.failure.c_str());
  return result.failure.empty() ? 0 : 1;
}

int usage() {
  std::printf(
      "usage: vatmesh-fuzz [--seconds N] [--runs N] [--seed N] [--replay N] [--whole]\n"
      "  --seconds N  stop after this time (10)\n"
      "  --runs N     stop after as many runs\n"
      "  --seed N     the first seed (1)\n"
      "  --replay N   only the run of this seed\n"
      "  --whole      don't make a failing run smaller\n"
      "  --journal F  replay the journal of a sidecar (debug.journal) instead\n");
  return 2;
}

int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--whole") {
      options.minimise = false;
      continue;
    }
    if (i + 1 == argc) return usage();
    const char* value = argv[++i];
    if (name == "--seconds") {
      options.seconds = std::atof(value);
    } else if (name == "--runs") {
      options.runs = std::strtoull(value, nullptr, 10);
    } else if (name == "--seed") {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--journal") {
      return replay(value);
#ifdef VATMESH_PLANTED_FAULTS
    } else if (name == "--plant") {
      captp::planted_fault = value;
#endif
    } else if (name == "--replay") {
      options.seed = std::strtoull(value, nullptr, 10);
      options.runs = 1;
    } else {
      return usage();
    }
  }
  return fuzz(options);
}

}  // namespace
}  // namespace vatmesh::fuzz

int main(int argc, char** argv) {
  return vatmesh::fuzz::run(argc, argv);
}
