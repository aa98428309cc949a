#include "train/epoch.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/philox.h"
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "ops/random.h"

namespace bs {

std::vector<int64_t> shuffled(int64_t n, Slot& generator) {
  const Tensor key = generator.value();
  const Tensor drawn = ops::random_order(key, n);
  const auto* first = reinterpret_cast<const int64_t*>(drawn.data());
  generator.write(ops::next_key(key));
  return {first, first + n};
}

EpochLoop::EpochLoop(std::vector<Tensor> arrays, int64_t batch_size, bool with_tail, bool shuffle, Ref<Slot> key)
    : arrays_(std::move(arrays)), key_(std::move(key)), batch_size_(batch_size), shuffle_(shuffle) {
  samples_total_ = arrays_[0].shape()[0];
  for (const Tensor& a : arrays_) {
    const int64_t rows = std::max<int64_t>(samples_total_, 1);
    sources_.push_back(a.data());
    row_bytes_.push_back(a.numel() / rows * static_cast<int64_t>(size_of(a.dtype())));
    batch_.push_back(Buffer::make(static_cast<size_t>(row_bytes_.back() * std::min(batch_size, rows))));
  }
  total_ = samples_total_ / batch_size + (with_tail && samples_total_ % batch_size ? 1 : 0);
  order_.resize(static_cast<size_t>(samples_total_));
  for (int64_t i = 0; i < samples_total_; ++i) order_[static_cast<size_t>(i)] = i;
  inputs_.resize(arrays_.size());
}

EpochLoop::EpochLoop(std::vector<Tensor> arrays, int64_t batch_size, std::shared_ptr<Program> step,
                     std::shared_ptr<Program> tail, bool shuffle, Ref<Slot> key)
    : EpochLoop(std::move(arrays), batch_size, tail != nullptr, shuffle, std::move(key)) {
  step_ = std::move(step);
  tail_ = std::move(tail);
  for (const Spec& s : (step_ ? step_ : tail_)->output_specs()) {
    results_.push_back(Buffer::make(static_cast<size_t>(numel(s.shape)) * size_of(s.dtype)));
    outputs_.push_back(static_cast<char*>(results_.back()->data));
  }
}

EpochLoop::EpochLoop(std::vector<Tensor> arrays, int64_t batch_size, std::unique_ptr<LeafStep> leaves, bool drop_last,
                     bool shuffle, Ref<Slot> key)
    : EpochLoop(std::move(arrays), batch_size, !drop_last, shuffle, std::move(key)) {
  leaves_ = std::move(leaves);
}

void EpochLoop::begin() {
  std::lock_guard guard(lock_);
  done_ = samples_ = 0;
  loss_sum_ = 0;
  if (!shuffle_) return;
  order_ = shuffled(samples_total_, *key_);
}

void EpochLoop::gather(int64_t first, int64_t rows) {
  const auto& kernels = kernels::active();
  for (size_t a = 0; a < arrays_.size(); ++a) {
    char* source = sources_[a];
    if (!shuffle_) {
      inputs_[a] = source + first * row_bytes_[a];
      continue;
    }
    if (rows == 1) {  // lies as it must
      inputs_[a] = source + order_[static_cast<size_t>(first)] * row_bytes_[a];
      continue;
    }
    inputs_[a] = static_cast<char*>(batch_[a]->data);
    kernels.gather_rows(row_bytes_[a], source, samples_total_, order_.data() + first, inputs_[a], 0, rows);
  }
}

void EpochLoop::count(double loss, int64_t rows) {
  loss_sum_ += loss * static_cast<double>(rows);
  samples_ += rows;
  ++done_;
}

// Reading the clock and binding the slots cost as much as a small step: once per so many steps.
void EpochLoop::run_some(int64_t left) {
  constexpr int kSteps = 16;
  const int64_t rows = std::min(batch_size_, left);
  if (leaves_) {
    gather(done_ * batch_size_, rows);
    count(leaves_->run(inputs_, row_bytes_, rows), rows);
    return;
  }
  Program& program = left >= batch_size_ ? *step_ : *tail_;
  Program::Burst burst(program);
  for (int64_t i = std::min<int64_t>(kSteps, left / rows); i > 0; --i) {
    gather(done_ * batch_size_, rows);
    burst.run(inputs_, outputs_);
    count(float_at(program.output_specs()[0].dtype, outputs_[0]), rows);
  }
}

bool EpochLoop::run(double seconds) {
  std::lock_guard guard(lock_);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (done_ < total_) {
    run_some(samples_total_ - done_ * batch_size_);
    if (Clock::now() >= end) return done_ == total_;
  }
  return true;
}

}  // namespace bs
