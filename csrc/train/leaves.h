// A step cut into leaves: gradient, join, update. Each leaf is a part of the batch, with a program that gives its loss
// and gradients; a fixed tree adds them; one more program updates the parameters. So bits depend on the number of
// leaves, which the user states, and not on who computes which leaf.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "program/program.h"

namespace bs {

class LeafStep {
 public:
  // By the rows of a leaf: (weight, leaf of each array) gives the mean loss of the leaf and the gradients of weight
  // times it. `weight` is a 0-d float64.
  using Gradients = std::map<int64_t, std::shared_ptr<Program>>;

  // `update` takes the gradients of the whole batch.
  LeafStep(int64_t leaves, Gradients gradients, std::shared_ptr<Program> update)
      : leaves_(leaves), gradients_(std::move(gradients)), update_(std::move(update)) {}

  // Calls fn(first row, rows) for each leaf of a batch: as many as stated, but of at least one row, as even as may be.
  template <class Fn>
  static void each_leaf(int64_t rows, int64_t leaves, Fn fn) {
    const int64_t n = rows < leaves ? rows : leaves;
    for (int64_t i = 0; i < n; ++i) fn(i * rows / n, (i + 1) * rows / n - i * rows / n);
  }

  // One step on a batch of which array a begins at batch[a], with row_bytes[a] per row; gives its mean loss. The
  // parameters change only if all leaves went well.
  double run(std::span<char* const> batch, std::span<const int64_t> row_bytes, int64_t rows);

 private:
  int64_t leaves_;
  Gradients gradients_;
  std::shared_ptr<Program> update_;
};

}  // namespace bs
