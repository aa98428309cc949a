// Lays out the memory of a program: lifetimes, one arena, addresses.
#include <algorithm>

#include "program/program.h"

namespace bs {
namespace {

constexpr int64_t kAlign = 64;

int64_t round_up(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

}  // namespace

void Program::lay_out(int members) {
  members_ = 0;
  const size_t n_steps = ir_.steps.size();
  // One thread takes steps one by one; several run through a phase each at its own pace.
  std::vector<int> time(n_steps);
  for (size_t p = 0; p < phases_.size(); ++p)
    for (int s = phases_[p].first; s < phases_[p].last; ++s)
      time[static_cast<size_t>(s)] = members == 1 ? s : static_cast<int>(p);

  struct Block {
    int64_t bytes, offset;
    int first, last;
  };
  std::vector<Block> blocks;
  std::vector<int> block_of(ir_.values.size(), -1);
  std::vector<int64_t> scratch_of(n_steps, -1);
  for (size_t s = 0; s < n_steps; ++s) {
    const Step& step = ir_.steps[s];
    for (int v : step.out)
      if (ir_.values[static_cast<size_t>(v)].home == Home::arena) {
        block_of[static_cast<size_t>(v)] = static_cast<int>(blocks.size());
        blocks.push_back({round_up(ir_.bytes(v)), 0, time[s], time[s]});
      }
    for (int v : step.in)
      if (int b = block_of[static_cast<size_t>(ir_.root(v))]; b >= 0) blocks[static_cast<size_t>(b)].last = time[s];
    if (step.op && step.op->scratch_bytes) {
      const StepSpecs specs(ir_, step);
      if (size_t bytes = step.op->scratch_bytes(step.attrs.get(), specs.in(), specs.out(), members)) {
        scratch_of[s] = static_cast<int64_t>(blocks.size());
        blocks.push_back({round_up(static_cast<int64_t>(bytes)), 0, time[s], time[s]});
      }
    }
  }

  // Largest first, each at the lowest place that is free for its whole life.
  std::vector<size_t> order(blocks.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<size_t> placed;  // by offset
  arena_bytes_ = 0;
  for (size_t i : order) {
    Block& b = blocks[i];
    int64_t at = 0;
    for (size_t j : placed) {
      const Block& other = blocks[j];
      if (other.last < b.first || b.last < other.first) continue;
      if (at + b.bytes <= other.offset) break;
      at = std::max(at, other.offset + other.bytes);
    }
    b.offset = at;
    arena_bytes_ = std::max(arena_bytes_, at + b.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t x, size_t y) { return blocks[x].offset < blocks[y].offset; }),
                  i);
  }
  arena_ = Buffer::make(static_cast<size_t>(arena_bytes_));
  char* base = static_cast<char*>(arena_->data);

  // Addresses: fixed ones now, the others as patches at each call. Vectors reach their size first, since patches
  // point into them.
  calls_.assign(n_steps, Call{});
  size_t n_views = 0;
  for (const Step& step : ir_.steps)
    if (step.op) n_views += static_cast<size_t>(step.n_op_in + step.n_op_out);
  views_.assign(n_views, View{});
  View* next_view = views_.data();
  operands_.assign(n_steps, {});
  slot_patches_.clear();
  argument_patches_.clear();
  auto resolve = [&](int v, char** where) {
    const Value& value = ir_.values[static_cast<size_t>(v)];
    const int64_t offset = value.home == Home::view ? value.offset : 0;
    const Value& root = ir_.values[static_cast<size_t>(ir_.root(v))];
    switch (root.home) {
      case Home::arena:
        *where = base + blocks[static_cast<size_t>(block_of[static_cast<size_t>(ir_.root(v))])].offset + offset;
        break;
      case Home::constant:
        *where = root.constant.data() + offset;
        break;
      case Home::absent:
        break;
      case Home::slot:
      case Home::next:
        slot_patches_.push_back({where, root.home, root.index, offset});
        break;
      default:
        argument_patches_.push_back({where, root.home, root.index, offset});
    }
  };
  for (size_t s = 0; s < n_steps; ++s) {
    const Step& step = ir_.steps[s];
    if (step.list) {
      std::vector<int> of_list;
      if (step.op) of_list.push_back(step.out[0]);
      of_list.insert(of_list.end(), step.in.begin() + step.n_op_in, step.in.end());
      if (step.in_place) of_list.push_back(step.out[0]);
      of_list.insert(of_list.end(), step.out.begin() + step.n_op_out, step.out.end());
      auto& args = operands_[s];
      args.resize(of_list.size());
      for (size_t i = 0; i < of_list.size(); ++i) resolve(of_list[i], reinterpret_cast<char**>(&args[i]));
    }
    if (!step.op) continue;
    Call& call = calls_[s];
    call.attrs = step.attrs.get();
    call.n_in = step.n_op_in;
    call.n_out = step.n_op_out;
    call.in = next_view;
    call.out = next_view + call.n_in;
    next_view += call.n_in + call.n_out;
    call.scratch = scratch_of[s] >= 0 ? base + blocks[static_cast<size_t>(scratch_of[s])].offset : nullptr;
    call.member = 0;
    for (int i = 0; i < call.n_in; ++i) {
      const int v = step.in[static_cast<size_t>(i)];
      if (ir_.values[static_cast<size_t>(v)].home != Home::absent) call.in[i].spec = &ir_.spec(v);
      resolve(v, &call.in[i].data);
    }
    for (int i = 0; i < call.n_out; ++i) {
      call.out[i].spec = &ir_.values[static_cast<size_t>(step.out[static_cast<size_t>(i)])].spec;
      resolve(step.out[static_cast<size_t>(i)], &call.out[i].data);
    }
    if (step.op->prepare) step.op->prepare(call);
  }
  cut(members);
  members_ = members;  // last: what throws above leaves no layout behind
}

}  // namespace bs
