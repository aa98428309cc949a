#include "graph/anomaly.h"

#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/with_dtype.h"
#include "graph/apply.h"

namespace bs {
namespace {

std::atomic<bool> is_on{false}, checks{true};
std::mutex line_lock;
std::unordered_map<uint64_t, std::string> lines;  // by Node::sequence, which no other node gets

bool has_nan(const Tensor& t) {
  bool found = false;
  with_float(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* x = reinterpret_cast<const T*>(t.data());
    for (int64_t i = 0, n = t.numel(); i < n && !found; ++i) found = std::isnan(x[i]);
  });
  return found;
}

}  // namespace

std::string (*current_line)() = nullptr;

Anomaly anomaly() { return {is_on.load(std::memory_order_relaxed), checks.load(std::memory_order_relaxed)}; }

void set_anomaly(Anomaly mode) {
  is_on = mode.on;
  checks = mode.check_nan;
  if (mode.on) return;
  std::lock_guard guard(line_lock);
  lines.clear();
}

void note_line(const Node& node) {
  std::string line = current_line ? current_line() : std::string();
  std::lock_guard guard(line_lock);
  lines.emplace(node.sequence, std::move(line));
}

std::string line_of(const Node& node) {
  std::lock_guard guard(line_lock);
  const auto it = lines.find(node.sequence);
  return it == lines.end() ? std::string() : it->second;
}

void refuse_nan(const Node& node, int i, const Tensor& derivative) {
  if (derivative.symbolic() || !(derivative.dtype() == DType::f32 || derivative.dtype() == DType::f64)) return;
  RecordingGuard off(false);
  if (!has_nan(derivative.spec().contiguous() ? derivative : copy_of(derivative))) return;
  const std::string line = line_of(node);
  throw GraphError(cat("[", node.op->name, "] Function '", node.op->name, "' returned nan values in its ", i,
                       "th output: its derivative by input ", i, " has a NaN. ",
                       line.empty() ? std::string("It was recorded before detect_anomaly was entered")
                                    : cat("The op was called at ", line)));
}

}  // namespace bs
