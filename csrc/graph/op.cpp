#include "graph/op.h"

#include <algorithm>
#include <cstring>

namespace bs {
namespace {

std::vector<const Op*>& registry() {
  static std::vector<const Op*> ops;
  return ops;
}

bool before(const Op* a, const char* name) { return std::strcmp(a->name, name) < 0; }

}  // namespace

Registrar::Registrar(const Op& op) {
  auto& ops = registry();
  ops.insert(std::lower_bound(ops.begin(), ops.end(), op.name, before), &op);
}

std::span<const char* const> second_names(const char* name) {
  static constexpr const char *input[] = {"x", "a", "x1"}, *other[] = {"x2"}, *dim[] = {"axis"},
                              *keepdim[] = {"keepdims"};
  const auto is = [&](const char* n) { return std::strcmp(name, n) == 0; };
  if (is("input")) return input;
  if (is("other")) return other;
  if (is("dim")) return dim;
  if (is("keepdim")) return keepdim;
  return {};
}

const std::vector<const Op*>& all_ops() { return registry(); }

const Op* find_op(const std::string& name) {
  auto& ops = registry();
  auto it = std::lower_bound(ops.begin(), ops.end(), name.c_str(), before);
  if (it != ops.end() && name == (*it)->name) return *it;
  for (const Op* op : ops)
    for (const char* other : op->also)
      if (name == other) return op;
  return nullptr;
}

}  // namespace bs
