#include "base/alloc.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "base/thread_local.h"

namespace bs {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kTiny = 1 << 10;          // up to here blocks are cut out of chunks, and stay ours
constexpr size_t kChunk = 256 << 10;       // one request to the system for tiny blocks
constexpr size_t kSmall = 64 << 10;        // up to here blocks are kept per thread
constexpr size_t kSharedLimit = 64 << 20;  // large blocks kept in shared lists at most
constexpr size_t kThreadLimit = 4 << 20;   // kept per thread at most
constexpr int kClasses = 4 * 64;           // of any size that fits 64 bits

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

// Says how much was asked for.
class NoMemory : public std::bad_alloc {
 public:
  explicit NoMemory(size_t bytes) noexcept {
    std::snprintf(text_, sizeof(text_), "no memory for %.4g GiB: take smaller batches or sizes",
                  static_cast<double>(bytes) * 0x1p-30);
  }
  const char* what() const noexcept override { return text_; }

 private:
  char text_[80];
};

void* system_allocate(size_t bytes) {
  void* p = std::aligned_alloc(kAlign, bytes);
  if (!p) throw NoMemory(bytes);
  return p;
}

struct FreeBlock {
  FreeBlock* next;
};

// Bytes that a thread has handed out, less those that came back to it. Only that thread changes it, without an atomic
// addition, which is a twentieth of a small op (measured).
struct alignas(kAlign) Tally {
  std::atomic<int64_t> bytes{0};
  void add(int64_t n) { bytes.store(bytes.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
};

struct Shared {
  std::mutex mutex;
  std::vector<void*> blocks[kClasses];       // large ones
  std::vector<FreeBlock*> chains[kClasses];  // of tiny ones that threads had too many of
  size_t kept = 0;                           // bytes of `blocks`
  // One per thread that there is or was; one that ends leaves its own, with what it has counted, to a later one.
  std::vector<Tally*> tallies, left;
  std::atomic<int64_t> afterwards{0};  // bytes counted by threads whose cache has ended
};
// Never destroyed: buffers may outlive static destructors.
Shared& shared() {
  static Shared* s = new Shared;
  return *s;
}

struct ThreadCache {
  FreeBlock* head[kClasses] = {};
  size_t kept[kClasses] = {};  // bytes of each list
  char* chunk = nullptr;       // what is left of the last chunk
  size_t chunk_left = 0;
  Tally* tally = nullptr;  // null where it has ended
  const bool ended;        // objects destroyed after this thread's cache (static destructors) go to the shared lists

  constexpr explicit ThreadCache(bool ended) : ended(ended) {}
  void end() {
    clear();
    Shared& s = shared();
    std::lock_guard lock(s.mutex);
    s.left.push_back(tally);
  }
  void count(int64_t bytes) {
    if (tally)
      tally->add(bytes);
    else
      shared().afterwards.fetch_add(bytes, std::memory_order_relaxed);
  }

  void give_tiny(int c) {
    if (!head[c]) return;
    Shared& s = shared();
    std::lock_guard lock(s.mutex);
    s.chains[c].push_back(head[c]);
    head[c] = nullptr;
    kept[c] = 0;
  }
  void clear() {
    for (int c = 0; c < kClasses; ++c) {
      if (class_bytes(c) <= kTiny) {
        give_tiny(c);
        continue;
      }
      while (FreeBlock* h = head[c]) {
        head[c] = h->next;
        std::free(h);
      }
      kept[c] = 0;
      if (class_bytes(c) > kSmall) break;
    }
  }

  void* tiny(int c, size_t size) {
    {
      Shared& s = shared();
      std::lock_guard lock(s.mutex);
      if (!s.chains[c].empty()) {
        head[c] = s.chains[c].back();
        s.chains[c].pop_back();
      }
    }
    if (FreeBlock* b = head[c]) {
      head[c] = b->next;
      return b;
    }
    if (chunk_left < size) {  // the rest of the old chunk, less than a block, is lost
      chunk = static_cast<char*>(system_allocate(kChunk));
      chunk_left = kChunk;
    }
    void* p = chunk;
    chunk += size;
    chunk_left -= size;
    return p;
  }
};
// What threads have whose own has ended. It holds nothing.
constinit ThreadCache ended_cache(true);
BS_THREAD_LOCAL ThreadCache* cache_of_thread = nullptr;  // null before the first block

struct EndOfThread {
  bool waits = false;
  ~EndOfThread() {
    cache_of_thread->end();
    delete std::exchange(cache_of_thread, &ended_cache);
  }
};
thread_local EndOfThread end_of_thread;

void begin_cache() {
  auto* made = new ThreadCache(false);
  Shared& s = shared();
  {
    std::lock_guard lock(s.mutex);
    if (s.left.empty()) {
      s.tallies.push_back(new Tally);
      made->tally = s.tallies.back();
    } else {
      made->tally = s.left.back();
      s.left.pop_back();
    }
  }
  cache_of_thread = made;
  end_of_thread.waits = true;
}

// This thread's.
ThreadCache& cache() {
  if (!cache_of_thread) begin_cache();
  return *cache_of_thread;
}

// A block of class c: kept, cut or new.
void* take(ThreadCache& t, int c, size_t size) {
  if (size <= kSmall && !t.ended) {
    if (FreeBlock* b = t.head[c]) {
      t.head[c] = b->next;
      if (t.kept[c] >= size) t.kept[c] -= size;  // lists taken over from other threads are not counted
      return b;
    }
    if (size <= kTiny) return t.tiny(c, size);
  } else if (size > kSmall) {
    Shared& s = shared();
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

}  // namespace

void* allocate(size_t bytes) {
  const int c = class_of(bytes);
  const size_t size = class_bytes(c);
  ThreadCache& t = cache();
  void* p = take(t, c, size);
  t.count(static_cast<int64_t>(size));
  return p;
}

void deallocate(void* p, size_t bytes) noexcept {
  const int c = class_of(bytes);
  const size_t size = class_bytes(c);
  ThreadCache& t = cache();
  t.count(-static_cast<int64_t>(size));
  if (size <= kSmall && !t.ended) {
    if (t.kept[c] + size > kThreadLimit) {
      if (size > kTiny) {
        std::free(p);
        return;
      }
      t.give_tiny(c);
    }
    t.head[c] = new (p) FreeBlock{t.head[c]};
    t.kept[c] += size;
    return;
  }
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  if (size <= kTiny) {
    s.chains[c].push_back(new (p) FreeBlock{nullptr});
    return;
  }
  if (size > kSmall && s.kept + size <= kSharedLimit) {
    s.blocks[c].push_back(p);
    s.kept += size;
    return;
  }
  std::free(p);
}

int64_t allocated_bytes() {
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  int64_t sum = s.afterwards.load(std::memory_order_relaxed);
  for (const Tally* t : s.tallies) sum += t->bytes.load(std::memory_order_relaxed);
  return sum;
}

void release_cached() {
  if (!cache().ended) cache().clear();
  Shared& s = shared();
  std::lock_guard lock(s.mutex);
  for (auto& list : s.blocks) {
    for (void* p : list) std::free(p);
    list.clear();
  }
  s.kept = 0;
}

// A block is a header and the data behind it: at a multiple of 64 bytes, but that of one or two numbers shares the
// header's own 64.
constexpr size_t kInline = 16;
static_assert(sizeof(Buffer) <= kAlign - kInline);
size_t header_bytes(size_t bytes) { return bytes <= kInline ? kAlign - kInline : kAlign; }

Ref<Buffer> Buffer::make(size_t bytes) {
  char* p = static_cast<char*>(allocate(header_bytes(bytes) + bytes));
  Buffer* b = new (p) Buffer;
  b->data = p + header_bytes(bytes);
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
    deallocate(b, header_bytes(b->bytes) + b->bytes);
  }
}

}  // namespace bs
