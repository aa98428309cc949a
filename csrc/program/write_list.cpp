// Lists of elementwise instructions: which values are operands, which stay in registers, and in which.
#include <algorithm>
#include <utility>

#include "ops/loop.h"
#include "program/groups.h"

namespace bs {
namespace {

using kernels::EwInstr;
using kernels::EwList;

// Few enough that looking through them all is quick: lists have limits.
using Registers = std::vector<std::pair<int, int>>;  // of values
int* find(Registers& registers, int v) {
  for (auto& [value, r] : registers)
    if (value == v) return &r;
  return nullptr;
}

}  // namespace

bool write_list(Groups& groups, const Group& g, EwList& list, std::vector<int>& in, std::vector<int>& out) {
  std::vector<int> members;
  for (int s : g.members)
    if (s != g.head) members.push_back(s);
  if (members.size() > kernels::kMaxListInstr) return false;
  Registers reg, last_use;  // last_use: the last member that reads what another one makes
  if (g.head >= 0) {
    in.push_back(groups.step(g.head).out[0]);
    reg.emplace_back(in[0], 0);
  }
  for (int s : members)
    for (int v : groups.step(s).in) {
      const int maker = groups.value(v).maker;
      if (maker >= 0 && maker != g.head && g.has(maker)) {
        if (int* use = find(last_use, v))
          *use = s;
        else
          last_use.emplace_back(v, s);
      } else if (!find(reg, v)) {
        reg.emplace_back(v, static_cast<int>(in.size()));
        in.push_back(v);
      }
    }
  // What only members read, and not through a view, is never stored.
  const auto stays = [&](int v) {
    const auto& readers = groups.readers(v);
    return groups.value(v).home == Home::arena && std::all_of(readers.begin(), readers.end(), [&](int r) {
             const auto& read = groups.step(r).in;
             return g.has(r) && std::find(read.begin(), read.end(), v) != read.end();
           });
  };
  for (int s : members)
    if (const int v = groups.step(s).out[0]; !stays(v)) out.push_back(v);
  if (in.size() + out.size() > kernels::kMaxListArgs) return false;
  if (g.head >= 0) {  // what may take the place of the head's result comes first, best if made after its last reader
    const Spec& head = groups.value(in[0]).spec;
    int last_reader = 0;
    for (int r : groups.readers(in[0]))
      if (g.has(r)) last_reader = std::max(last_reader, r);
    const auto fit = [&](int v) {
      return groups.value(v).spec.dtype != head.dtype ? 0 : groups.value(v).maker < last_reader ? 1 : 2;
    };
    std::stable_sort(out.begin(), out.end(), [&](int v, int w) { return fit(v) > fit(w); });
  }
  // Values that stay share registers: one is free after its value's last use.
  constexpr int kOutput = 128;  // marks registers of outputs until it is known how many lie before them
  const int base = static_cast<int>(in.size());
  std::vector<int> free;
  int n_temp = 0, n_instr = 0;
  for (int s : members) {
    const auto& read = groups.step(s).in;
    const int v = groups.step(s).out[0];
    EwInstr instr{ops::list_instruction(*groups.step(s).op, groups.out_spec(s)), 0, 0, 0, 0};
    uint8_t* operand[3] = {&instr.a, &instr.b, &instr.c};
    for (size_t i = 0; i < 3; ++i) *operand[i] = static_cast<uint8_t>(*find(reg, read[i < read.size() ? i : 0]));
    for (size_t i = 0; i < read.size(); ++i) {
      if (std::find(read.begin(), read.begin() + static_cast<std::ptrdiff_t>(i), read[i]) !=
          read.begin() + static_cast<std::ptrdiff_t>(i))
        continue;  // read twice
      const int* use = find(last_use, read[i]);
      const int* r = find(reg, read[i]);
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
    reg.emplace_back(v, r);
    instr.dst = static_cast<uint8_t>(r);
    list.instr[n_instr++] = instr;
  }
  for (int i = 0; i < n_instr; ++i)
    for (uint8_t* r : {&list.instr[i].dst, &list.instr[i].a, &list.instr[i].b, &list.instr[i].c})
      if (*r >= kOutput) *r = static_cast<uint8_t>(*r - kOutput + base + n_temp);
  list.compute = groups.compute(members.front());
  list.n_in = static_cast<uint8_t>(in.size());
  list.n_temp = static_cast<uint8_t>(n_temp);
  list.n_out = static_cast<uint8_t>(out.size());
  list.n_instr = static_cast<uint8_t>(n_instr);
  std::vector<const Spec*> operands;
  for (const auto* values : {&in, &out})
    for (int v : *values) operands.push_back(&groups.value(v).spec);
  for (size_t i = 0; i < operands.size(); ++i) list.arg[i].dtype = operands[i]->dtype;
  ops::set_loop(list, groups.out_spec(members.front()).shape, operands.data(), static_cast<int>(operands.size()));
  return true;
}

}  // namespace bs
