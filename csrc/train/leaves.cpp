#include "train/leaves.h"

#include "base/with_dtype.h"
#include "ops/ops.h"

namespace bs {

double LeafStep::run(std::span<char* const> batch, std::span<const int64_t> row_bytes, int64_t rows) {
  RecordingGuard off(false);
  // Sums of neighbouring leaves, of ever smaller trees: two of one size are joined at once, as a binary counter
  // carries, so that no more than log2(leaves) + 1 sets of gradients are alive.
  struct Tree {
    int64_t leaves;
    std::vector<Tensor> gradients;
  };
  std::vector<Tree> trees;
  const auto join_last = [&] {
    const Tree last = std::move(trees.back());
    trees.pop_back();
    trees.back().leaves += last.leaves;
    for (size_t i = 0; i < last.gradients.size(); ++i)
      trees.back().gradients[i] = ops::add(trees.back().gradients[i], last.gradients[i]);
  };
  double loss = 0;
  each_leaf(rows, leaves_, [&](int64_t first, int64_t count) {
    double weight = static_cast<double>(count) / static_cast<double>(rows);
    std::vector<char*> inputs{reinterpret_cast<char*>(&weight)};
    for (size_t a = 0; a < batch.size(); ++a) inputs.push_back(batch[a] + first * row_bytes[a]);
    std::vector<Tensor> made = gradients_.at(count)->run(inputs);
    loss += weight * float_at(made[0].dtype(), made[0].data());
    made.erase(made.begin());
    trees.push_back({1, std::move(made)});
    while (trees.size() > 1 && trees[trees.size() - 2].leaves == trees.back().leaves) join_last();
  });
  while (trees.size() > 1) join_last();
  std::vector<char*> inputs;
  for (const Tensor& g : trees[0].gradients) inputs.push_back(g.data());
  update_->run_into(inputs, {});
  return loss;
}

}  // namespace bs
