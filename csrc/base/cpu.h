// What the machine offers: instruction sets, and how many threads are worth starting.
#pragma once

namespace bs {

// Instruction sets with kernels that this CPU, and its operating system, can run.
struct CpuFeatures {
  bool v2, v3, v4;  // x86-64 levels
  bool neon;        // aarch64
};
CpuFeatures cpu_features();

// min(CPUs this process may run on, CPU quota of its container, physical cores among them), at least 1.
int default_threads();

}  // namespace bs
