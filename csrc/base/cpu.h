// What the machine offers: instruction sets, caches, and how many threads are worth starting.
#pragma once

#include <cstdint>

namespace bs {

// Instruction sets with kernels that this CPU, and its operating system, can run.
struct CpuFeatures {
  bool v2, v3, v4;  // x86-64 levels
  bool neon;        // aarch64
};
CpuFeatures cpu_features();

// Bytes of the caches that one core reaches first: L1 of data, L2. 48 KiB and 1 MiB where the system does not say.
struct CacheSizes {
  int64_t l1, l2;
};
const CacheSizes& cache_sizes();
// For tests: not while kernels run, nor between the planning of scratch and its use.
void set_cache_sizes(const CacheSizes& sizes);

// min(CPUs this process may run on, CPU quota of its container, physical cores among them), at least 1.
int default_threads();

}  // namespace bs
