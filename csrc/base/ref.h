// Counted references to objects that carry their own count.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace bs {

// T derives from Counted and provides `static void destroy(T*)`, called when the last reference goes.
struct Counted {
  std::atomic<uint32_t> refs{1};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  // Takes over a reference that the caller owns (a new object's first one).
  static Ref adopt(T* p) {
    Ref r;
    r.p_ = p;
    return r;
  }
  static Ref share(T* p) {
    if (p) p->refs.fetch_add(1, std::memory_order_relaxed);
    return adopt(p);
  }
  Ref(const Ref& o) : p_(o.p_) {
    if (p_) p_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() {
    if (p_ && p_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) T::destroy(p_);
  }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  // Gives the reference away.
  T* release() { return std::exchange(p_, nullptr); }
  bool unique() const { return p_ && p_->refs.load(std::memory_order_acquire) == 1; }

 private:
  T* p_ = nullptr;
};

}  // namespace bs
