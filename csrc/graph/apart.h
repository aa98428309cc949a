// What is recorded apart: equal nodes of a capture become one step, unless one of them was recorded in another scope.
// So what a checkpoint computes again is computed again, and not kept from the first time.
#pragma once

#include <cstdint>

namespace bs {

class ApartScope {
 public:
  // Apart from all else.
  ApartScope();
  // Together with what was recorded under this number; 0: outside of any scope.
  explicit ApartScope(uint32_t number);
  ~ApartScope();
  ApartScope(const ApartScope&) = delete;
  ApartScope& operator=(const ApartScope&) = delete;

  // Of the innermost scope of this thread.
  static uint32_t current();

 private:
  uint32_t before_;
};

}  // namespace bs
