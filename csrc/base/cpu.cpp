#include "base/cpu.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace bs {

CpuFeatures cpu_features() {
  CpuFeatures f = {};
#if defined(__x86_64__)
  // The builtin reads cpuid and, for AVX and AVX-512, xgetbv: an operating system that does not save the wide
  // registers counts as lacking them.
  __builtin_cpu_init();
#define BS_HAS(name) (__builtin_cpu_supports(name) != 0)
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
  // The psABI's levels with all their features: the compiler may use any of them in a table's code.
  f.v2 = BS_HAS("x86-64-v2");
  f.v3 = BS_HAS("x86-64-v3");
  f.v4 = BS_HAS("x86-64-v4");
#else
  // Compilers that do not know the levels do not know movbe, f16c, lzcnt, cmpxchg16b or lahf either; CPUs with the rest
  // of a level have them.
  f.v2 = BS_HAS("sse3") && BS_HAS("ssse3") && BS_HAS("sse4.1") && BS_HAS("sse4.2") && BS_HAS("popcnt");
  f.v3 = f.v2 && BS_HAS("avx") && BS_HAS("avx2") && BS_HAS("bmi") && BS_HAS("bmi2") && BS_HAS("fma");
  f.v4 =
      f.v3 && BS_HAS("avx512f") && BS_HAS("avx512bw") && BS_HAS("avx512cd") && BS_HAS("avx512dq") && BS_HAS("avx512vl");
#endif
#undef BS_HAS
#elif defined(__aarch64__)
  f.neon = true;  // part of the baseline
#endif
  return f;
}

#if defined(__linux__)
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// CPUs that cgroup v2's "quota period" or "max period" allows; infinity for no limit or no file.
double quota_v2(const std::string& folder) {
  std::istringstream line(first_line(folder + "/cpu.max"));
  double quota = 0, period = 0;
  return line >> quota >> period && quota > 0 && period > 0 ? quota / period : HUGE_VAL;
}

double quota_v1(const std::string& folder) {
  std::istringstream quota_line(first_line(folder + "/cpu.cfs_quota_us"));
  std::istringstream period_line(first_line(folder + "/cpu.cfs_period_us"));
  double quota = 0, period = 0;  // a quota of -1 is none
  return quota_line >> quota && period_line >> period && quota > 0 && period > 0 ? quota / period : HUGE_VAL;
}

// The smallest quota on the way from the process's group up to the root: each level limits those below. Inside a
// container the path may name a group of the host that is not mounted; then only the root exists, which is ours.
template <class Quota>
double smallest_quota(const std::string& root, std::string group, Quota quota) {
  double least = HUGE_VAL;
  while (!group.empty() && group != "/") {
    least = std::min(least, quota(root + group));
    group.resize(group.find_last_of('/'));
  }
  return std::min(least, quota(root));
}

double container_quota() {
  double least = HUGE_VAL;
  std::ifstream groups("/proc/self/cgroup");  // lines id:controllers:/group
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (!group.empty() && group[0] != '/') continue;
    if (controllers == ",,") {  // version 2; beside version 1 it is mounted one folder deeper
      least = std::min(least, smallest_quota("/sys/fs/cgroup", group, quota_v2));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      least = std::min(least, smallest_quota("/sys/fs/cgroup/cpu", group, quota_v1));
    }
  }
  return least;
}

}  // namespace
#endif

namespace {

CacheSizes read_cache_sizes() {
  CacheSizes sizes = {0, 0};
#if defined(__linux__)
  for (int i = 0; i < 8; ++i) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    const std::string level = first_line(folder + "level"), type = first_line(folder + "type");
    if (level.empty()) break;
    std::istringstream text(first_line(folder + "size"));  // "2048K"
    int64_t size = 0;
    char unit = 0;
    text >> size >> unit;
    size *= unit == 'M' ? 1 << 20 : unit == 'K' ? 1 << 10 : 1;
    if (level == "1" && type != "Instruction") sizes.l1 = size;
    if (level == "2" && type != "Instruction") sizes.l2 = size;
  }
#elif defined(__APPLE__)
  size_t bytes = sizeof(int64_t);
  sysctlbyname("hw.l1dcachesize", &sizes.l1, &bytes, nullptr, 0);
  bytes = sizeof(int64_t);
  sysctlbyname("hw.l2cachesize", &sizes.l2, &bytes, nullptr, 0);
#endif
  if (sizes.l1 <= 0) sizes.l1 = 48 << 10;
  if (sizes.l2 <= 0) sizes.l2 = 1 << 20;
  return sizes;
}

CacheSizes& known_cache_sizes() {
  static CacheSizes sizes = read_cache_sizes();
  return sizes;
}

}  // namespace

const CacheSizes& cache_sizes() { return known_cache_sizes(); }

void set_cache_sizes(const CacheSizes& sizes) { known_cache_sizes() = sizes; }

int default_threads() {
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  // Fails on machines with more CPUs than cpu_set_t holds (1024): then hardware_concurrency stands.
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    threads = std::max(1, CPU_COUNT(&allowed));
    // Two hyperthreads share the multipliers that a matrix product saturates: count cores, as (socket, core) pairs.
    std::set<std::pair<std::string, std::string>> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
      const std::string core = first_line(folder + "core_id");
      if (core.empty()) {  // no such files (some sandboxes): trust the affinity mask
        cores.clear();
        break;
      }
      cores.emplace(first_line(folder + "physical_package_id"), core);
    }
    if (!cores.empty()) threads = std::min(threads, static_cast<int>(cores.size()));
  }
  // Rounded up: a quota of 1.5 CPUs is worth two threads, a quota below 1 still one.
  const double quota = container_quota();
  if (quota < threads) threads = std::max(1, static_cast<int>(std::ceil(quota)));
#elif defined(__APPLE__)
  int cores = 0;
  size_t size = sizeof(cores);
  if (sysctlbyname("hw.physicalcpu", &cores, &size, nullptr, 0) == 0 && cores > 0) threads = std::min(threads, cores);
#endif
  return threads;
}

}  // namespace bs
