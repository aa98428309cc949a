#include "base/alloc.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace bs {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kSmall = 64 << 10;       // up to here per thread
constexpr size_t kSharedLimit = 64 << 20; // kept in shared lists at most
constexpr size_t kThreadLimit = 4 << 20;  // kept per thread at most
constexpr int kClasses = 4 * 48;

// Four size classes per power of two: at most a quarter is wasted.
int class_of(size_t bytes) {
  size_t units = (bytes + kAlign - 1) / kAlign;
  if (units <= 4) return static_cast<int>(units ? units - 1 : 0);
  int top = 63 - __builtin_clzll(units - 1);
  return 4 * (top - 1) + static_cast<int>((units - 1) >> (top - 2)) - 4;
}

size_t class_bytes(int c) {
  if (c < 4) return kAlign * static_cast<size_t>(c + 1);
  int top = c / 4 + 1;
  size_t quarter = size_t{1} << (top - 2);
  return kAlign * quarter * static_cast<size_t>(c % 4 + 5);
}

void* system_allocate(size_t bytes) {
  void* p = std::aligned_alloc(kAlign, bytes);
  if (!p) throw std::bad_alloc();
  return p;
}

struct FreeBlock {
  FreeBlock* next;
};

std::atomic<int64_t> in_use{0};

struct ThreadCache {
  FreeBlock* head[kClasses] = {};
  size_t kept = 0;
  int64_t used = 0;  // not yet added to in_use

  ~ThreadCache() {
    clear();
    dead = true;
  }
  void clear() {
    for (FreeBlock*& h : head)
      while (h) {
        FreeBlock* next = h->next;
        std::free(h);
        h = next;
      }
    kept = 0;
  }
  // Objects destroyed after this thread's cache (static destructors) go straight to the system.
  static thread_local bool dead;
};
thread_local bool ThreadCache::dead = false;
thread_local ThreadCache cache;

struct SharedCache {
  std::mutex mutex;
  std::vector<void*> blocks[kClasses];
  size_t kept = 0;
};
// Never destroyed: buffers may outlive static destructors.
SharedCache& shared() {
  static SharedCache* s = new SharedCache;
  return *s;
}

}  // namespace

void* allocate(size_t bytes) {
  int c = class_of(bytes);
  size_t size = class_bytes(c);
  in_use.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  if (size <= kSmall && !ThreadCache::dead) {
    ThreadCache& t = cache;
    if (FreeBlock* b = t.head[c]) {
      t.head[c] = b->next;
      t.kept -= size;
      return b;
    }
  } else if (size > kSmall) {
    SharedCache& s = shared();
    std::lock_guard lock(s.mutex);
    if (!s.blocks[c].empty()) {
      void* p = s.blocks[c].back();
      s.blocks[c].pop_back();
      s.kept -= size;
      return p;
    }
  }
  return system_allocate(size);
}

void deallocate(void* p, size_t bytes) noexcept {
  int c = class_of(bytes);
  size_t size = class_bytes(c);
  in_use.fetch_sub(static_cast<int64_t>(size), std::memory_order_relaxed);
  if (size <= kSmall && !ThreadCache::dead) {
    ThreadCache& t = cache;
    if (t.kept + size <= kThreadLimit) {
      t.head[c] = new (p) FreeBlock{t.head[c]};
      t.kept += size;
      return;
    }
  } else if (size > kSmall && size <= kSharedLimit) {
    SharedCache& s = shared();
    std::lock_guard lock(s.mutex);
    if (s.kept + size <= kSharedLimit) {
      s.blocks[c].push_back(p);
      s.kept += size;
      return;
    }
  }
  std::free(p);
}

int64_t allocated_bytes() { return in_use.load(std::memory_order_relaxed); }

void release_cached() {
  if (!ThreadCache::dead) cache.clear();
  SharedCache& s = shared();
  std::lock_guard lock(s.mutex);
  for (auto& list : s.blocks) {
    for (void* p : list) std::free(p);
    list.clear();
  }
  s.kept = 0;
}

static_assert(sizeof(Buffer) <= kAlign);

Ref<Buffer> Buffer::make(size_t bytes) {
  char* p = static_cast<char*>(allocate(bytes + kAlign));
  Buffer* b = new (p) Buffer;
  b->data = p + kAlign;
  b->bytes = bytes;
  b->release = nullptr;
  b->owner = nullptr;
  return Ref<Buffer>::adopt(b);
}

Ref<Buffer> Buffer::wrap(void* data, size_t bytes, void (*release)(void*), void* owner) {
  Buffer* b = new (allocate(sizeof(Buffer))) Buffer;
  b->data = data;
  b->bytes = bytes;
  b->release = release;
  b->owner = owner;
  return Ref<Buffer>::adopt(b);
}

void Buffer::destroy(Buffer* b) {
  if (b->release) {
    b->release(b->owner);
    deallocate(b, sizeof(Buffer));
  } else {
    deallocate(b, b->bytes + kAlign);
  }
}

}  // namespace bs
