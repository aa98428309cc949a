// Lists of elementwise instructions: which values are operands, which stay in registers, and in which.
#include <algorithm>
#include <utility>

#include "ops/loop.h"
#include "program/groups.h"

namespace bs {
namespace {

using kernels::EwInstr;
using kernels::EwList;

// Marks registers of outputs until it is known how many lie before them.
constexpr int kOutput = 128;

}  // namespace

bool draft_list(Groups& groups, std::span<const int> of, const std::vector<int>& members, int head, ListDraft& draft) {
  auto& [own, in, out, free, instrs, n_temp] = draft;
  own.clear();
  in.clear();
  out.clear();
  free.clear();
  n_temp = 0;
  for (int s : members)
    if (s != head) own.push_back(s);
  if (own.size() > kernels::kMaxListInstr) return false;
  const auto has = [&](int s) { return std::find(of.begin(), of.end(), groups.of(s)) != of.end(); };
  Notes &reg = groups.registers, &last_use = groups.last_uses;  // last_use: the last member that reads what one makes
  reg.forget();
  last_use.forget();
  if (head >= 0) {
    in.push_back(groups.step(head).out[0]);
    reg.set(in[0], 0);
  }
  for (int s : own)
    for (int v : groups.step(s).in) {
      const int maker = groups.value(v).maker;
      if (maker >= 0 && maker != head && has(maker)) {
        last_use.set(v, s);
      } else if (!reg.find(v)) {
        reg.set(v, static_cast<int>(in.size()));
        in.push_back(v);
      }
    }
  // What only members read, and not through a view, is never stored.
  const auto stays = [&](int v) {
    const auto& readers = groups.readers(v);
    return groups.value(v).home == Home::arena && std::all_of(readers.begin(), readers.end(), [&](int r) {
             const auto& read = groups.step(r).in;
             return has(r) && std::find(read.begin(), read.end(), v) != read.end();
           });
  };
  for (int s : own)
    if (const int v = groups.step(s).out[0]; !stays(v)) out.push_back(v);
  if (in.size() + out.size() > kernels::kMaxListArgs) return false;
  if (head >= 0) {  // what may take the place of the head's result comes first, best if made after its last reader
    const Spec& result = groups.value(in[0]).spec;
    int last_reader = 0;
    for (int r : groups.readers(in[0]))
      if (has(r)) last_reader = std::max(last_reader, r);
    const auto fit = [&](int v) {
      return groups.value(v).spec.dtype != result.dtype ? 0 : groups.value(v).maker < last_reader ? 1 : 2;
    };
    std::stable_sort(out.begin(), out.end(), [&](int v, int w) { return fit(v) > fit(w); });
  }
  // Values that stay share registers: one is free after its value's last use.
  const int base = static_cast<int>(in.size());
  for (size_t k = 0; k < own.size(); ++k) {
    const int s = own[k];
    const auto& read = groups.step(s).in;
    const int v = groups.step(s).out[0];
    EwInstr& instr = instrs[k];
    instr = {ops::list_instruction(*groups.step(s).op, groups.out_spec(s)), 0, 0, 0, 0};
    uint8_t* operand[3] = {&instr.a, &instr.b, &instr.c};
    for (size_t i = 0; i < 3; ++i) *operand[i] = static_cast<uint8_t>(*reg.find(read[i < read.size() ? i : 0]));
    for (size_t i = 0; i < read.size(); ++i) {
      if (std::find(read.begin(), read.begin() + static_cast<std::ptrdiff_t>(i), read[i]) !=
          read.begin() + static_cast<std::ptrdiff_t>(i))
        continue;  // read twice
      const int* use = last_use.find(read[i]);
      const int* r = reg.find(read[i]);
      if (use && *use == s && *r < kOutput) free.push_back(*r);
    }
    int r;
    if (const auto at = std::find(out.begin(), out.end(), v); at != out.end()) {
      r = kOutput + static_cast<int>(at - out.begin());
    } else if (!free.empty()) {
      r = free.back();
      free.pop_back();
    } else {
      if (n_temp == kernels::kMaxListTemps) return false;
      r = base + n_temp++;
    }
    reg.set(v, r);
    instr.dst = static_cast<uint8_t>(r);
  }
  return true;
}

void write_list(Groups& groups, const ListDraft& draft, EwList& list) {
  const auto& [members, in, out, free, instrs, n_temp] = draft;
  for (size_t i = 0; i < members.size(); ++i) {
    EwInstr& instr = list.instr[i] = instrs[i];
    for (uint8_t* r : {&instr.dst, &instr.a, &instr.b, &instr.c})
      if (*r >= kOutput) *r = static_cast<uint8_t>(*r - kOutput + static_cast<int>(in.size()) + n_temp);
  }
  list.compute = groups.compute(members.front());
  list.n_in = static_cast<uint8_t>(in.size());
  list.n_temp = static_cast<uint8_t>(n_temp);
  list.n_out = static_cast<uint8_t>(out.size());
  list.n_instr = static_cast<uint8_t>(members.size());
  std::vector<const Spec*> operands;
  for (const auto* values : {&in, &out})
    for (int v : *values) operands.push_back(&groups.value(v).spec);
  for (size_t i = 0; i < operands.size(); ++i) list.arg[i].dtype = operands[i]->dtype;
  ops::set_loop(list, groups.out_spec(members.front()).shape, operands.data(), static_cast<int>(operands.size()));
}

}  // namespace bs
