// Memory: 64-byte aligned blocks, kept for reuse by size class, and counted buffers made of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ref.h"

namespace bs {

// At least `bytes`, 64-byte aligned. Blocks up to 64 KiB come from and go to lists of the calling thread without a
// lock, larger ones to shared lists up to a bounded total. Throws std::bad_alloc.
void* allocate(size_t bytes);
// `bytes` as asked for in allocate().
void deallocate(void* p, size_t bytes) noexcept;
// Bytes that are handed out now (for tests and reports).
int64_t allocated_bytes();
// Gives kept blocks of this thread and the shared lists back to the system; those up to 1 KiB stay for reuse.
void release_cached();

// Counted storage of tensors. `data` is ours, or belongs to somebody else whom `release` tells (NumPy, DLPack).
struct Buffer : Counted {
  void* data;
  size_t bytes;
  void (*release)(void* owner);  // null: data follows this header
  void* owner;

  static Ref<Buffer> make(size_t bytes);
  static Ref<Buffer> wrap(void* data, size_t bytes, void (*release)(void*), void* owner);
  static void destroy(Buffer*);
};

}  // namespace bs
