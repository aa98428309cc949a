// The interpreter of elementwise lists over rows in memory. A list runs in blocks of eight vectors: an instruction
// finds what the one before it has computed in vector registers, and only what is read later goes through memory.
//
// Operands have the list's own type here; elementwise.cpp converts and gathers what does not. Whatever the block, row
// or tail, an element goes through the same vector function.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {

constexpr int kListRegisters = kMaxListArgs + kMaxListTemps;
constexpr int64_t kListBlockBytes = 8 * kVecBytes;

// Element i of a register lies at base + (i * sizeof(T) & mask): mask -1 for what lies in memory, 0 for what is kept as
// one block: temporaries, and values that are the same in every column.
struct ListRegister {
  char* base;
  int64_t mask;
};

struct ListStep {
  void (*run)();  // a Step<T>
  ListRegister dst, a, b, c;
};

// A list and where its registers lie. Not to be copied: registers point into it.
struct ListRun {
  const EwList* list;
  int n_steps;      // 0: not yet chosen
  uint64_t values;  // registers that keep one value
  ListRegister reg[kListRegisters];
  ListStep step[kMaxListInstr];
  alignas(64) char block[kListRegisters * kListBlockBytes];
};

// One operand of a block of rows x columns: element (i, j) is base[i * row + (moves ? j : 0)].
struct ListOperand {
  void* base;
  int64_t row;  // stride in elements; 0: the same in every row
  bool moves;   // false: the same in every column
};

// Register r keeps one value, given in the list's type, for rows of up to n elements.
void list_fill(ListRun& run, int r, const void* value, int64_t n);
// n elements, every other input and output placed in memory.
void list_run(ListRun& run, int64_t n);
// Lists over so few elements run vector by vector instead, without blocks and steps: to place and choose those is most
// of the time then.
constexpr int64_t kFewBytes = 128;
// Elements [lo, lo + n) of the list's operands, at most kFewBytes of each. Inputs in `moves` are contiguous, the others
// one value; all of them may lie where outputs do.
void list_few(const EwList& list, void* const* args, uint64_t moves, int64_t lo, int64_t n);
// A block of rows x columns, operands in the order of the list's arguments. Outputs move. An output may lie in the
// place of an input if no instruction reads that input after one has written the output, and both have the same
// strides.
void list_rows(ListRun& run, const ListOperand* operand, int64_t rows, int64_t cols);

namespace {

// Begins with temporaries placed and all other registers open. `list` must outlive the run; loop sizes, strides and
// dtypes of operands are not looked at.
inline void list_begin(ListRun& run, const EwList& list) {
  run.list = &list;
  run.n_steps = 0;
  run.values = 0;
  for (int r = list.n_in; r < list.n_in + list.n_temp; ++r) run.reg[r] = {run.block + r * kListBlockBytes, 0};
}

// Whether an instruction reads register r after one has written w.
inline bool read_after_write(const EwList& list, int r, int w) {
  bool written = false;
  for (int i = 0; i < list.n_instr; ++i) {
    const EwInstr& o = list.instr[i];
    if (written && (o.a == r || o.b == r || o.c == r)) return true;
    written = written || o.dst == w;
  }
  return false;
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
