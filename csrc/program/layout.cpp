// Addresses of all operands of a program: in its arena, or patched at each call.
#include "program/program.h"

namespace bs {

int64_t Program::arena_bytes() const {
  std::lock_guard guard(plan_lock_);
  return arena_bytes_;
}

void Program::rest() {
  std::unique_lock guard(lock_, std::try_to_lock);
  if (!guard) return;
  members_ = 0;
  arena_ = Ref<Buffer>();
}

void Program::lay_out(int members) {
  std::lock_guard guard(plan_lock_);
  members_ = 0;
  find_shadows();
  const size_t n_steps = ir_.steps.size();
  const Memory memory = plan_memory(ir_, phases_, members);
  arena_bytes_ = memory.bytes;
  scratch_bytes_ = memory.most_scratch;
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
  scratch_step_ = memory.scratch_step;
  slot_patches_.clear();
  argument_patches_.clear();
  auto resolve = [&](int v, char** where) {
    const Value& value = ir_.values[static_cast<size_t>(v)];
    const int64_t offset = value.home == Home::view ? value.offset : 0;
    const Value& root = ir_.values[static_cast<size_t>(ir_.root(v))];
    switch (root.home) {
      case Home::arena:
        *where = base + memory.of_value[static_cast<size_t>(ir_.root(v))] + offset;
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
    call.scratch = memory.of_scratch[s] >= 0 ? base + memory.of_scratch[s] : nullptr;
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
