#include "graph/hooks.h"

#include <algorithm>
#include <unordered_map>

#include "graph/slot.h"

namespace bs {
namespace {

struct Added {
  uint64_t id;
  int output;
  Hook hook;
};
// Of a node, or of a cell, which it keeps alive until somebody looks.
struct Hooks {
  std::vector<std::shared_ptr<Added>> added;
  std::unordered_map<int, Ref<GradCell>> retained;  // by output
  Ref<GradCell> cell;
};

std::atomic<int64_t> hook_entries{0};
std::mutex hook_lock;
std::unordered_map<const void*, Hooks> hook_table;
uint64_t last_id = 0;

const void* key_of(const Node* n) { return n->cell ? static_cast<const void*>(n->cell.get()) : n; }

// With the lock. What goes is given to the caller, who lets it end without the lock: it may wait for the interpreter.
std::vector<Hooks> without_dead_cells() {
  std::vector<Hooks> gone;
  for (auto it = hook_table.begin(); it != hook_table.end();) {
    if (it->second.cell && it->second.cell.unique()) {
      gone.push_back(std::move(it->second));
      it = hook_table.erase(it);
    } else {
      ++it;
    }
  }
  hook_entries = static_cast<int64_t>(hook_table.size());
  return gone;
}

Hooks& hooks_of(const Tensor& t) {
  Hooks& h = hook_table[key_of(t.node())];
  h.cell = t.node()->cell;
  hook_entries = static_cast<int64_t>(hook_table.size());
  return h;
}

}  // namespace

bool any_hooks() { return hook_entries.load(std::memory_order_relaxed) > 0; }

uint64_t add_hook(const Tensor& t, Hook hook) {
  std::vector<Hooks> gone;
  std::lock_guard guard(hook_lock);
  gone = without_dead_cells();
  hooks_of(t).added.push_back(std::make_shared<Added>(Added{++last_id, t.output(), std::move(hook)}));
  return last_id;
}

void remove_hook(uint64_t id) {
  std::shared_ptr<Added> gone;
  std::vector<Hooks> emptied;
  std::lock_guard guard(hook_lock);
  for (auto it = hook_table.begin(); it != hook_table.end(); ++it) {
    auto& added = it->second.added;
    const auto at = std::find_if(added.begin(), added.end(), [id](const auto& a) { return a->id == id; });
    if (at == added.end()) continue;
    gone = std::move(*at);
    added.erase(at);
    if (added.empty() && it->second.retained.empty()) {
      emptied.push_back(std::move(it->second));
      hook_table.erase(it);
    }
    break;
  }
  hook_entries = static_cast<int64_t>(hook_table.size());
}

void retain_grad(const Tensor& t) {
  Ref<GradCell> cell = GradCell::make();
  if (CaptureHooks* capture = current_capture()) capture->own_cell(*cell);
  std::lock_guard guard(hook_lock);
  hooks_of(t).retained.emplace(t.output(), std::move(cell));
}

Ref<GradCell> retained_cell(const Tensor& t) {
  if (!any_hooks()) return {};
  std::lock_guard guard(hook_lock);
  const auto it = hook_table.find(key_of(t.node()));
  if (it == hook_table.end()) return {};
  const auto at = it->second.retained.find(t.output());
  return at == it->second.retained.end() ? Ref<GradCell>() : at->second;
}

Tensor after_hooks(Node* node, int k, Tensor gradient) {
  std::vector<std::shared_ptr<Added>> added;
  Ref<GradCell> kept;
  {
    std::lock_guard guard(hook_lock);
    const auto it = hook_table.find(key_of(node));
    if (it == hook_table.end()) return gradient;
    added = it->second.added;
    if (const auto at = it->second.retained.find(k); at != it->second.retained.end()) kept = at->second;
  }
  for (const auto& a : added)
    if (a->output == k)
      if (Tensor other = a->hook(gradient)) gradient = std::move(other);
  if (kept) accumulate_grad(*kept, gradient);
  return gradient;
}

void forget_hooks(const Node* node) {
  Hooks gone;
  std::lock_guard guard(hook_lock);
  const auto it = hook_table.find(node);
  if (it == hook_table.end()) return;
  gone = std::move(it->second);
  hook_table.erase(it);
  hook_entries = static_cast<int64_t>(hook_table.size());
}

}  // namespace bs
