// Epochs without Python: shuffle, gather the rows of a batch, run the step's program.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "program/program.h"
#include "train/leaves.h"

namespace bs {

// An order of n samples, by one draw of the generator.
std::vector<int64_t> shuffled(int64_t n, Slot& generator);

class EpochLoop {
 public:
  // `arrays` have one row per sample. `step` takes one batch of each (batch_size rows) and gives the mean loss of the
  // batch as its only output; `tail` is the same for the rows that are left over, or null to drop them. `key` is the
  // generator whose draws order the samples: one draw per epoch.
  EpochLoop(std::vector<Tensor> arrays, int64_t batch_size, std::shared_ptr<Program> step,
            std::shared_ptr<Program> tail, bool shuffle, Ref<Slot> key);
  // The same for a step of several leaves.
  EpochLoop(std::vector<Tensor> arrays, int64_t batch_size, std::unique_ptr<LeafStep> leaves, bool drop_last,
            bool shuffle, Ref<Slot> key);

  // Draws the order of the samples.
  void begin();
  // Runs steps until `seconds` have passed or the epoch is over; true if it is. Stops at a step boundary.
  bool run(double seconds);

  int64_t steps_done() const { return done_; }
  int64_t steps_total() const { return total_; }
  // Mean over the samples seen in this epoch; NaN before the first step.
  double loss() const { return samples_ ? loss_sum_ / static_cast<double>(samples_) : __builtin_nan(""); }

 private:
  EpochLoop(std::vector<Tensor> arrays, int64_t batch_size, bool with_tail, bool shuffle, Ref<Slot> key);
  // Points inputs_ to the rows of a batch.
  void gather(int64_t first, int64_t rows);
  void count(double loss, int64_t rows);
  void run_some(int64_t left);

  std::mutex lock_;  // two threads may drive one loop: a step at a time
  std::vector<Tensor> arrays_;
  std::vector<char*> sources_;      // their data
  std::vector<Ref<Buffer>> batch_;  // one gathered batch per array
  std::vector<int64_t> row_bytes_;
  std::vector<int64_t> order_;
  std::vector<char*> inputs_, outputs_;
  std::vector<Ref<Buffer>> results_;
  std::shared_ptr<Program> step_, tail_;
  std::unique_ptr<LeafStep> leaves_;  // instead of the two
  Ref<Slot> key_;
  int64_t samples_total_, batch_size_, total_ = 0, done_ = 0, samples_ = 0;
  double loss_sum_ = 0;
  bool shuffle_;
};

}  // namespace bs
