// csrc/base without Python: sizes and blocks of the allocator, shapes that overflow, random bits against published
// ones, parts of ranges, threads. Prints each failed check; exit code 1 if there is one.
#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/dims.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"

namespace bs {
namespace {

int failed = 0;

#define EXPECT(...)                                                         \
  do {                                                                      \
    if (!(__VA_ARGS__)) {                                                   \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
      ++failed;                                                             \
    }                                                                       \
  } while (false)

template <class Error, class Fn>
bool throws(Fn fn) {
  try {
    fn();
  } catch (const Error&) {
    return true;
  }
  return false;
}

// ---- Memory --------------------------------------------------------------------------------------------------------

int64_t bytes_taken(size_t bytes) {
  const int64_t before = allocated_bytes();
  void* p = allocate(bytes);
  const int64_t taken = allocated_bytes() - before;
  EXPECT(reinterpret_cast<uintptr_t>(p) % 64 == 0);
  std::memset(p, 0x5a, bytes);  // sanitizers know if it is not ours
  deallocate(p, bytes);
  EXPECT(allocated_bytes() == before);
  return taken;
}

void size_classes() {
  std::vector<size_t> sizes;
  for (size_t n = 0; n < 4096; ++n) sizes.push_back(n);
  for (size_t power = 4096; power <= size_t{1} << 26; power *= 2)
    for (size_t quarter = 4; quarter < 8; ++quarter)
      for (size_t off = 0; off < 3; ++off) sizes.push_back(power / 4 * quarter - 1 + off);
  int64_t last = 0;
  for (size_t n : sizes) {
    const int64_t taken = bytes_taken(n), size = static_cast<int64_t>(n);
    EXPECT(taken >= size && taken >= 64 && taken % 64 == 0);
    EXPECT(taken >= last);
    // Four classes per power of two: at most a quarter more than asked for, in whole units of 64 bytes.
    EXPECT(taken <= (size + 63) / 64 * 64 * 5 / 4 + 64);
    last = taken;
  }
  release_cached();
}

void reuse() {
  for (size_t bytes : {size_t{8}, size_t{3000}, size_t{100000}, size_t{3000000}}) {
    void* p = allocate(bytes);
    deallocate(p, bytes);
    void* q = allocate(bytes);
    EXPECT(p == q);  // the warmest block comes first
    deallocate(q, bytes);
  }
  // Blocks may be returned by another thread than took them.
  const int64_t before = allocated_bytes();
  std::vector<std::pair<void*, size_t>> blocks;
  for (size_t i = 0; i < 2000; ++i) blocks.emplace_back(allocate(i * 7), i * 7);
  std::thread([&] {
    for (auto [p, bytes] : blocks) deallocate(p, bytes);
    for (auto& [p, bytes] : blocks) std::memset(p = allocate(bytes), 1, bytes);
  }).join();
  for (auto [p, bytes] : blocks) deallocate(p, bytes);
  EXPECT(allocated_bytes() == before);
  release_cached();
  // More than there is: refused, and not counted.
  EXPECT(throws<std::bad_alloc>([] { deallocate(allocate(size_t{1} << 62), size_t{1} << 62); }));
  EXPECT(allocated_bytes() == before);
}

void buffers() {
  const int64_t before = allocated_bytes();
  {
    const Ref<Buffer> small = Buffer::make(8), large = Buffer::make(1000);
    EXPECT(small->bytes == 8 && large->bytes == 1000);
    EXPECT(reinterpret_cast<uintptr_t>(large->data) % 64 == 0);
    std::memset(small->data, 1, 8);
    std::memset(large->data, 1, 1000);
    const Ref<Buffer> second = small;
    EXPECT(!small.unique() && large.unique());
  }
  EXPECT(allocated_bytes() == before);
  int released = 0;
  {
    char foreign[4];
    const auto release = [](void* owner) { ++*static_cast<int*>(owner); };
    const Ref<Buffer> b = Buffer::wrap(foreign, sizeof(foreign), release, &released);
    EXPECT(b->data == foreign && released == 0);
  }
  EXPECT(released == 1 && allocated_bytes() == before);
}

// ---- Shapes --------------------------------------------------------------------------------------------------------

void shapes() {
  constexpr int64_t kHuge = int64_t{1} << 32;
  EXPECT(numel({}) == 1 && numel({0}) == 0 && numel({2, 3, 4}) == 24);
  EXPECT(numel({kHuge, kHuge / 4}) == int64_t{1} << 62);
  EXPECT(throws<ShapeError>([] { numel({kHuge, kHuge}); }));
  EXPECT(throws<ShapeError>([] { numel({kHuge, kHuge / 2}); }));
  EXPECT(throws<ShapeError>([] { numel({INT64_MAX, 3, INT64_MAX}); }));
  EXPECT(numel({kHuge, kHuge, 0}) == 0);  // holds nothing, however large the rest
  EXPECT(numel({0, kHuge, kHuge}) == 0);
  EXPECT(checked_bytes(10, 8) == 80);
  EXPECT(throws<ShapeError>([] { checked_bytes(int64_t{1} << 61, 8); }));
  EXPECT(throws<ShapeError>([] { checked_bytes(int64_t{1} << 62, 4); }));

  EXPECT(str(Dims{}) == "()" && str(Dims{5}) == "(5,)" && str(Dims{32, 784}) == "(32, 784)");
  EXPECT(contiguous_strides({2, 3, 4}) == Dims({12, 4, 1}));
  EXPECT(is_contiguous({2, 3}, {3, 1}) && !is_contiguous({2, 3}, {1, 2}));
  EXPECT(is_contiguous({1, 3}, {99, 1}));  // the stride of a single row is never used
  EXPECT(is_contiguous({3, 0}, {7, 7}) && is_contiguous({}, {}));

  Dims out;
  EXPECT(broadcast({3, 1}, {4}, &out) && out == Dims({3, 4}));
  EXPECT(broadcast({}, {2, 1}, &out) && out == Dims({2, 1}));
  EXPECT(broadcast({1, 0}, {5, 1}, &out) && out == Dims({5, 0}));
  EXPECT(!broadcast({3}, {4}, &out) && !broadcast({0}, {2}, &out));

  Dims d = {1, 2, 3};
  d.insert(1, 9);
  EXPECT(d == Dims({1, 9, 2, 3}));
  d.erase(0);
  EXPECT(d == Dims({9, 2, 3}) && d.back() == 3);
  EXPECT(throws<ShapeError>([] { Dims::filled(kMaxDims + 1, 1); }));
  EXPECT(Dims::filled(kMaxDims, 2).size() == kMaxDims);
}

void dtypes() {
  EXPECT(size_of(DType::f32) == 4 && size_of(DType::f64) == 8 && size_of(DType::b8) == 1);
  EXPECT(std::string(name_of(DType::i64)) == "int64" && is_float(DType::f64) && !is_float(DType::i32));
}

// ---- Random bits ---------------------------------------------------------------------------------------------------

// philox4x32, 10 rounds, in Random123's tests/kat_vectors: counter, key, result.
void random_bits() {
  constexpr uint32_t kVectors[][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
       0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
       0x24126ea1},
  };
  const auto join = [](uint32_t low, uint32_t high) { return static_cast<uint64_t>(high) << 32 | low; };
  for (const auto& v : kVectors) {
    const uint64_t seed = join(v[4], v[5]), draw = join(v[2], v[3]), block = join(v[0], v[1]);
    const Philox4 got = philox(seed, draw, block);
    for (int i = 0; i < 4; ++i) EXPECT(got.v[i] == v[6 + i]);
  }
  EXPECT(philox_word(0, 0, 2) == 0xbc57ac4c && philox_word(5, 6, 11) == philox(5, 6, 2).v[3]);
  EXPECT(unit_float(0) == 0.0f && unit_float(0xff) == 0.0f && unit_float(0x80000000u) == 0.5f);
  EXPECT(unit_float(0xffffffffu) == 1.0f - 0x1p-24f);
}

// ---- Threads -------------------------------------------------------------------------------------------------------

void parts() {
  for (int64_t n : {0, 1, 5, 16, 17, 1000, 4097})
    for (int64_t granule : {1, 4, 16, 5000})
      for (int members : {1, 2, 3, 7, 64}) {
        int64_t at = 0, most = 0, least = n;
        for (int m = 0; m < members; ++m) {
          const Range r = part_of(n, granule, m, members);
          EXPECT(r.lo == at && r.hi >= r.lo);  // in order, nothing twice
          EXPECT(r.lo % granule == 0 || r.lo == n);
          at = r.hi;
          most = most > r.hi - r.lo ? most : r.hi - r.lo;
          least = least < r.hi - r.lo ? least : r.hi - r.lo;
        }
        EXPECT(at == n);                          // nothing left out
        EXPECT(most - least <= 2 * granule - 1);  // even: one granule apart, and the last may be ragged
      }
  const Range far = part_of(int64_t{1} << 50, 1, 1023, 1024);
  EXPECT(far.hi == int64_t{1} << 50 && far.lo < far.hi);
}

void jobs() {
  EXPECT(num_threads() >= 1 && throws<ValueError>([] { set_num_threads(0); }));
  EXPECT(throws<ValueError>([] { set_num_threads(100000); }));
  for (int members : {1, 2, 3, 7, 2}) {
    set_num_threads(members);
    EXPECT(num_threads() == members);
    for (int parts : {0, 1, 2, 5, 64, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(parts));
      std::atomic<bool> sound{true};
      share_out(parts, nullptr, members, [&](int part, int member) {
        if (member < 0 || member >= members) sound = false;
        ++runs[static_cast<size_t>(part)];
      });
      for (const auto& n : runs) EXPECT(n == 1);
      EXPECT(sound);
    }
  }
  int inner = 0;
  share_out(2, nullptr, 2, [&](int part, int) {
    if (part == 0)
      share_out(4, nullptr, 4, [&](int, int member) { inner += member == 0; });  // inside a part one thread runs all
  });
  EXPECT(inner == 4);
}

// Parts are begun by whoever is free: one that lasts keeps nobody from the others, wherever they were to be run.
void late_members() {
  set_num_threads(2);
  const int homes[] = {0, 1, 8};
  std::atomic<int> begun{0};
  share_out(8, homes, 2, [&](int, int) {
    if (begun++ == 0)
      while (begun < 8) std::this_thread::yield();
  });
  EXPECT(begun == 8);
}

// Several threads share out at once: one of them gets the workers, the others run their own parts.
void several_callers() {
  set_num_threads(3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        int sums[3] = {};  // one per member: no two threads have the same number in one job
        std::atomic<int> runs{0};
        share_out(6, nullptr, 3, [&](int part, int member) {
          sums[member] += part + 1;
          ++runs;
        });
        wrong += runs != 6 || sums[0] + sums[1] + sums[2] != 21;
      }
    });
  for (std::thread& t : callers) t.join();
  EXPECT(wrong == 0);
}

// Cuts of work into shares and parts.
void part_counts() {
  for (int members : {1, 2, 3, 8}) {
    EXPECT(shares_for(1e9, members) == members);
    EXPECT(shares_for(0, members) == 1);
    EXPECT(shares_for(25e3, members) == std::min(members, 2));  // none of less than 10 us
  }
  EXPECT(parts_for(1e9, 1e9, 1, 1) == 1);
  EXPECT(parts_for(1e9, 1e9, 5, 1) == 5);
  EXPECT(parts_for(1e9, 1e9, 1 << 20, 1 << 20) == 1);
  EXPECT(parts_for(1e9, 1e9, 700, 256) == 2);
  EXPECT(parts_for(1e3, 1e9, 1 << 20, 1) == 1);
  EXPECT(parts_for(100e3, 100e3, 1 << 20, 1) == 4);
  EXPECT(parts_for(50e3, 100e3, 1 << 20, 1) == 2);  // half of a share
  EXPECT(parts_for(0, 0, 0, 1) == 1);
}

void processors() {
  const CpuFeatures f = cpu_features();
  EXPECT(!f.v4 || f.v3);
  EXPECT(!f.v3 || f.v2);
  EXPECT(default_threads() >= 1);
#if defined(__linux__)
  cpu_set_t all;
  if (sched_getaffinity(0, sizeof(all), &all) != 0) return;
  EXPECT(default_threads() <= CPU_COUNT(&all));
  // What taskset, and batch systems, do.
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all)) {
      CPU_SET(cpu, &one);
      break;
    }
  if (sched_setaffinity(0, sizeof(one), &one) == 0) {
    EXPECT(default_threads() == 1);
    sched_setaffinity(0, sizeof(all), &all);
  }
#endif
}

#if defined(__linux__)
// A forked child has none of the parent's threads, and works.
void forked_child() {
  set_num_threads(2);
  share_out(2, nullptr, 2, [](int, int) {});
  const pid_t child = fork();
  if (child == 0) {
    int mine = 0;
    share_out(4, nullptr, 2, [&](int, int member) { mine += member == 0; });
    _exit(num_threads() == 1 && mine == 4 ? 0 : 1);
  }
  int status = -1;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
}
#endif

}  // namespace
}  // namespace bs

int main() {
  bs::size_classes();
  bs::reuse();
  bs::buffers();
  bs::shapes();
  bs::dtypes();
  bs::random_bits();
  bs::parts();
  bs::jobs();
  bs::late_members();
  bs::several_callers();
  bs::part_counts();
  bs::processors();
#if defined(__linux__)
  bs::forked_child();
#endif
  if (bs::failed == 0) std::printf("ok\n");
  return bs::failed != 0;
}
