#include "graph/batch.h"

#include <unordered_map>

#include "base/thread_local.h"

namespace bs {
namespace {

BS_THREAD_LOCAL BatchScope* batch_scope = nullptr;
BS_THREAD_LOCAL uint64_t first_of_batch = 0;

std::unordered_map<const Op*, BatchRule>& batch_rules() {
  static std::unordered_map<const Op*, BatchRule> all;
  return all;
}

}  // namespace

BatchScope::BatchScope(int64_t n, Randomness r)
    : size(n), randomness(r), outer_(batch_scope), begin_(Node::make(nullptr, 0, 0)->sequence) {
  if (!outer_) first_of_batch = begin_;
  batch_scope = this;
}

BatchScope::~BatchScope() { batch_scope = outer_; }

BatchScope* BatchScope::current() { return batch_scope; }

bool BatchScope::holds(const Tensor& t) {
  return batch_scope && t && t.symbolic() && t.node()->sequence >= first_of_batch;
}

Tensor BatchScope::symbol(const Tensor& of) {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  Spec& spec = t.out().spec;
  spec.dtype = of.dtype();
  spec.shape = of.shape();
  spec.shape.erase(0);
  t.node()->symbolic = true;
  t.node()->requires_grad = of.requires_grad();
  symbols.push_back(t);
  values.push_back(of);
  return t;
}

BatchRegistrar::BatchRegistrar(const Op& op, BatchRule rule) { batch_rules().emplace(&op, rule); }

BatchRule batch_rule(const Op& op) {
  const auto it = batch_rules().find(&op);
  return it == batch_rules().end() ? nullptr : it->second;
}

}  // namespace bs
