// What a capture is told of ops that it does not record: which values of outside these have read.
#pragma once

#include <atomic>

#include "graph/tensor.h"

namespace bs {

class Meeting {
 public:
  virtual ~Meeting() = default;
  virtual void met(const Tensor& t) = 0;

  // How many threads capture; where none does, nobody is asked.
  static std::atomic<int> all;
  // That of the capture which runs on this thread, or null.
  static Meeting* current();
};

}  // namespace bs
