// Elementwise lists, interpreted in blocks of eight vectors. Each instruction is a function that takes the eight
// vectors of its predecessor as arguments, which the calling conventions keep in registers, and ends in a tail call of
// its successor.
#include "kernels/list.h"
#include "base/with_dtype.h"

#include <cstdint>

#include "kernels/math_rare.h"

namespace bs::kernels::BS_ISA {
namespace {

// ---- Rows of elementwise.def -----------------------------------------------------------------------------------

#define BS_ROW(name, n_operands, types_of, value)                                                                \
  struct Row_##name {                                                                                            \
    static constexpr int arity = n_operands;                                                                     \
    static constexpr EwTypes types = EwTypes::types_of;                                                          \
    template <class T>                                                                                           \
    static inline __attribute__((always_inline)) Vec<T> of([[maybe_unused]] Vec<T> x, [[maybe_unused]] Vec<T> y, \
                                                           [[maybe_unused]] Vec<T> z) {                          \
      [[maybe_unused]] const auto C = [](double c) { return v_set(static_cast<T>(c)); };                         \
      [[maybe_unused]] const auto v_one_if = [](Mask<T> m) { return BS_ISA::v_one_if<T>(m); };                   \
      return value;                                                                                              \
    }                                                                                                            \
  };
#define BS_EW1(name, types, value, ...) BS_ROW(name, 1, types, value)
#define BS_EW2(name, types, value, ...) BS_ROW(name, 2, types, value)
#define BS_EW3(name, types, value, ...) BS_ROW(name, 3, types, value)
#include "kernels/elementwise.def"
BS_ROW(copy, 1, ALL, x)
#undef BS_ROW

// ---- Loops: an instruction over any number of elements ---------------------------------------------------------

// Which operands lie in blocks, whose last vectors are read and written whole: what a masked instruction has stored
// cannot be read again before it has reached L1.
enum InBlock : unsigned { D_IN_BLOCK = 1, A_IN_BLOCK = 2, B_IN_BLOCK = 4, C_IN_BLOCK = 8 };

// Where a row has a shorter way for some values, taken if all of a few vectors are such. It gives the same bits. tanh
// of normal numbers with standard deviation 0.15 takes a third of the time, with 1 6 % more.
template <class T, class Row>
struct Short {
  static constexpr bool exists = false;
};
template <class T>
struct Short<T, Row_tanh> {
  static constexpr bool exists = !kIsInteger<T>;
  static Mask<T> fits(Vec<T> x) { return tanh_is_near(v_magnitude(x)); }
  static Vec<T> of(Vec<T> x) { return v_signed(tanh_near(v_magnitude(x)), x); }
};

// n vectors at once by the short way, or none. Most often the first one tells.
template <class T, class Way, int n>
inline bool by_short_way(T* d, const T* a) {
  Mask<T> all = Way::fits(v_load(a));
  if (v_any(~all)) return false;
  for (int v = 1; v < n; ++v) all &= Way::fits(v_load(a + v * kLanes<T>));
  if (v_any(~all)) return false;
  for (int v = 0; v < n; ++v) v_store(d + v * kLanes<T>, Way::of(v_load(a + v * kLanes<T>)));
  return true;
}

template <class T>
inline Vec<T> load_last(const T* p, int64_t n, bool whole) {
  return whole ? v_load(p) : v_load_part(p, n);
}

template <class T>
inline void store_last(T* p, Vec<T> v, int64_t n, bool whole) {
  whole ? v_store(p, v) : v_store_part(p, v, n);
}

// d[i] = row(a[i], b[i], c[i]). d may be any of the operands: a vector is loaded before it is stored.
template <class T, class Row>
__attribute__((noinline)) void loop(T* d, const T* a, const T* b, const T* c, int64_t n, unsigned in_block) {
  int64_t i = 0;
  Vec<T> x = {}, y = {}, z = {};
  const auto vector = [&]() __attribute__((always_inline)) {
    x = v_load(a + i);
    if constexpr (Row::arity > 1) y = v_load(b + i);
    if constexpr (Row::arity > 2) z = v_load(c + i);
    v_store(d + i, Row::template of<T>(x, y, z));
    i += kLanes<T>;
  };
  if constexpr (Short<T, Row>::exists) {
    constexpr int kTogether = 4;
    for (int64_t end = kTogether * kLanes<T>; end <= n; end += kTogether * kLanes<T>) {
      if (by_short_way<T, Short<T, Row>, kTogether>(d + i, a + i)) i = end;
      while (i < end) vector();
    }
  } else if constexpr (!of_floats(Row::types)) {
    while (i + 4 * kLanes<T> <= n) vector(), vector(), vector(), vector();
  }
  while (i + kLanes<T> <= n) vector();
  if (i == n) return;
  x = load_last(a + i, n - i, in_block & A_IN_BLOCK);
  if constexpr (Row::arity > 1) y = load_last(b + i, n - i, in_block & B_IN_BLOCK);
  if constexpr (Row::arity > 2) z = load_last(c + i, n - i, in_block & C_IN_BLOCK);
  const Vec<T> value = Row::template of<T>(x, y, z);
  store_last(d + i, value, n - i, in_block & D_IN_BLOCK);
}

template <class T>
using Loop = void (*)(T* d, const T* a, const T* b, const T* c, int64_t n, unsigned in_block);

template <class T>
inline T* address(const ListRegister& r, int64_t i) {
  return reinterpret_cast<T*>(r.base + (i & r.mask));
}

// ---- One vector ------------------------------------------------------------------------------------------------

template <class T, class Row>
Vec<T> one(Vec<T> x, Vec<T> y, Vec<T> z) {
  return Row::template of<T>(x, y, z);
}

// Of floats integers become floats.
template <class T, class Row>
constexpr bool kTakes = kIsInteger<T> ? !of_floats(Row::types) : !of_integers(Row::types);

template <class T, class Row>
constexpr auto one_of() {
  Vec<T> (*f)(Vec<T>, Vec<T>, Vec<T>) = nullptr;
  if constexpr (kTakes<T, Row>) f = &one<T, Row>;
  return f;
}

// Indexed by Ew.
template <class T>
constexpr Vec<T> (*kOne[])(Vec<T> x, Vec<T> y, Vec<T> z) = {
#define BS_EW1(name, ...) one_of<T, Row_##name>(),
#define BS_EW2(name, ...) one_of<T, Row_##name>(),
#define BS_EW3(name, ...) one_of<T, Row_##name>(),
#include "kernels/elementwise.def"
    one_of<T, Row_copy>(),
};

// ---- Steps: an instruction over a block ------------------------------------------------------------------------

#define BS_EIGHT(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7)
#define BS_VECTORS Vec<T> v0, Vec<T> v1, Vec<T> v2, Vec<T> v3, Vec<T> v4, Vec<T> v5, Vec<T> v6, Vec<T> v7

// Blocks of the registers, the last of which ends at byte 0 of what moves: i is the block's, -bytes at first. x and y
// are the first two operands of a list's first step, z is where its last step writes: a load of an address costs more
// than one of a vector here, since all of a step waits for it.
template <class T>
using Step = void (*)(const ListStep* at, int64_t i, const ListStep* first, const char* x, const char* y, char* z,
                      BS_VECTORS);

#define BS_TAIL_CALL(next) \
  reinterpret_cast<Step<T>>((next)->run)(next, i, first, x, y, z, v0, v1, v2, v3, v4, v5, v6, v7)

// Where operands a and b come from; c comes from memory.
enum Form {
  FIRST,    // memory at x and y
  MEMORY,   // memory, both
  GIVEN_A,  // a is what the previous step has left in the vectors, b in memory
  GIVEN_B,  // the reverse
  VALUE_A,  // a is one value, b in memory
  VALUE_B,
  GIVEN_A_VALUE_B,
  VALUE_A_GIVEN_B,
  kForms
};
constexpr bool given_a(Form f) { return f == GIVEN_A || f == GIVEN_A_VALUE_B; }
constexpr bool given_b(Form f) { return f == GIVEN_B || f == VALUE_A_GIVEN_B; }
constexpr bool value_a(Form f) { return f == VALUE_A || f == VALUE_A_GIVEN_B; }
constexpr bool value_b(Form f) { return f == VALUE_B || f == GIVEN_A_VALUE_B; }

// What becomes of the result, besides being left in the vectors.
enum Target { VECTORS, STORED, LAST, kTargets };

template <class T, class Row, Form form, Target target>
void step(const ListStep* at, int64_t i, const ListStep* first, const char* x, const char* y, char* z, BS_VECTORS) {
  [[maybe_unused]] const T *a = nullptr, *b = nullptr, *c = nullptr;
  [[maybe_unused]] Vec<T> value = {};
  if constexpr (form == FIRST) {
    a = reinterpret_cast<const T*>(x + i);
    b = reinterpret_cast<const T*>(y + i);
  } else {
    if constexpr (value_a(form)) value = v_set(*reinterpret_cast<const T*>(at->a.base));
    if constexpr (value_b(form)) value = v_set(*reinterpret_cast<const T*>(at->b.base));
    if constexpr (!given_a(form) && !value_a(form)) a = address<T>(at->a, i);
    if constexpr (!given_b(form) && !value_b(form) && Row::arity > 1) b = address<T>(at->b, i);
  }
  if constexpr (Row::arity > 2) c = address<T>(at->c, i);
#define BS_OPERAND(k, number, given, is_value, p) \
  (given ? v##k : is_value ? value : Row::arity > number ? v_load(p + k * kLanes<T>) : Vec<T>{})
#define BS_VALUE(k)                                                             \
  v##k = Row::template of<T>(BS_OPERAND(k, 0, given_a(form), value_a(form), a), \
                             BS_OPERAND(k, 1, given_b(form), value_b(form), b), BS_OPERAND(k, 2, false, false, c));
  BS_EIGHT(BS_VALUE)
#undef BS_VALUE
#undef BS_OPERAND
#define BS_STORE(k) v_store(d + k * kLanes<T>, v##k);
  if constexpr (target != VECTORS) {
    T* d = target == LAST ? reinterpret_cast<T*>(z + i) : address<T>(at->dst, i);
    BS_EIGHT(BS_STORE)
  }
#undef BS_STORE
  if constexpr (target == LAST) {
    if ((i += kListBlockBytes) == 0) return;
    BS_TAIL_CALL(first);
  } else {
    BS_TAIL_CALL(at + 1);
  }
}

// Through memory: for rows that take so long that it does not show.
template <class T, class Row, Target target>
void step_loop(const ListStep* at, int64_t i, const ListStep* first, const char* x, const char* y, char* z,
               BS_VECTORS) {
  loop<T, Row>(address<T>(at->dst, i), address<T>(at->a, i), address<T>(at->b, i), address<T>(at->c, i),
               kListBlockBytes / static_cast<int64_t>(sizeof(T)), 0);
  v0 = v1 = v2 = v3 = v4 = v5 = v6 = v7 = Vec<T>{};
  if constexpr (target == LAST) {
    if ((i += kListBlockBytes) == 0) return;
    BS_TAIL_CALL(first);
  } else {
    BS_TAIL_CALL(at + 1);
  }
}

template <class Row>
constexpr bool kThroughMemory = of_floats(Row::types) || Row::types == EwTypes::DIVIDE;

template <class T>
struct Entry {
  Loop<T> loop;
  Step<T> step[kForms][kTargets];
  int arity;
  bool through_memory;
};

template <class T, class Row, Form form>
constexpr void set_form(Entry<T>& e, Form as) {
  e.step[as][VECTORS] = &step<T, Row, form, VECTORS>;
  e.step[as][STORED] = &step<T, Row, form, STORED>;
  e.step[as][LAST] = &step<T, Row, form, LAST>;
}

template <class T, class Row>
constexpr Entry<T> entry_of() {
  Entry<T> e = {};
  e.arity = Row::arity;
  e.through_memory = kThroughMemory<Row>;
  if constexpr (kTakes<T, Row>) e.loop = &loop<T, Row>;
  if constexpr (kIsInteger<T> || !kTakes<T, Row>) {  // loops only
  } else if constexpr (kThroughMemory<Row>) {
    for (int form = 0; form < kForms; ++form)
      for (int t = 0; t < kTargets; ++t)
        e.step[form][t] = t == LAST ? &step_loop<T, Row, LAST> : &step_loop<T, Row, STORED>;
  } else {
    // Values lie in memory too, as a block: fewer forms do for rows that are rare beside values.
    constexpr bool number = Row::types != EwTypes::TEST && Row::types != EwTypes::SELECT;
    constexpr bool values = number && Row::arity == 2;
    constexpr Form second = Row::arity > 1 ? GIVEN_B : GIVEN_A;  // not asked for otherwise
    set_form<T, Row, MEMORY>(e, MEMORY);
    set_form<T, Row, GIVEN_A>(e, GIVEN_A);
    set_form<T, Row, second>(e, GIVEN_B);
    set_form<T, Row, number ? FIRST : MEMORY>(e, FIRST);
    set_form<T, Row, values ? VALUE_A : MEMORY>(e, VALUE_A);
    set_form<T, Row, values ? VALUE_B : MEMORY>(e, VALUE_B);
    set_form<T, Row, values ? GIVEN_A_VALUE_B : GIVEN_A>(e, GIVEN_A_VALUE_B);
    set_form<T, Row, values ? VALUE_A_GIVEN_B : second>(e, VALUE_A_GIVEN_B);
  }
  return e;
}

// Indexed by Ew.
template <class T>
constexpr Entry<T> kEntries[] = {
#define BS_EW1(name, ...) entry_of<T, Row_##name>(),
#define BS_EW2(name, ...) entry_of<T, Row_##name>(),
#define BS_EW3(name, ...) entry_of<T, Row_##name>(),
#include "kernels/elementwise.def"
    entry_of<T, Row_copy>(),
};
template <class T>
inline const Entry<T>& entry(const EwInstr& o) {
  return kEntries<T>[static_cast<int>(o.op)];
}

// ---- Runs --------------------------------------------------------------------------------------------------------

constexpr uint64_t bit(int r) { return uint64_t{1} << r; }

// By 1 if a is given, 2 if b is, 4 if a is one value, 8 if b is.
constexpr Form kFormOf[] = {
    MEMORY,  GIVEN_A,         GIVEN_B, GIVEN_A,         VALUE_A, GIVEN_A,         VALUE_A_GIVEN_B, GIVEN_A,
    VALUE_B, GIVEN_A_VALUE_B, GIVEN_B, GIVEN_A_VALUE_B, MEMORY,  GIVEN_A_VALUE_B, VALUE_A_GIVEN_B, GIVEN_A_VALUE_B};

// Chooses the steps, from the last to the first: what later ones read in memory must be stored.
template <class T>
void choose_steps(ListRun& run) {
  const EwList& list = *run.list;
  const uint64_t outputs = ~uint64_t{0} << (list.n_in + list.n_temp);
  const uint64_t moves = (outputs | (bit(list.n_in) - 1)) & ~run.values;
  uint64_t read = outputs;
  int n = list.n_instr;
  while (!(outputs & bit(list.instr[n - 1].dst))) --n;  // of no consequence
  const Entry<T>* e = &entry<T>(list.instr[n - 1]);
  for (int k = n - 1; k >= 0; --k) {
    const EwInstr& o = list.instr[k];
    const Entry<T>* before = k > 0 ? &entry<T>(list.instr[k - 1]) : nullptr;
    const uint64_t b = e->arity > 1 ? bit(o.b) : 0;
    // What the previous instruction leaves in the vectors, if it does.
    const uint64_t left = k > 0 && !before->through_memory && !e->through_memory ? bit(list.instr[k - 1].dst) : 0;
    const bool given_a = left & bit(o.a), given_b = !given_a && (left & b);
    Form form = kFormOf[given_a + 2 * given_b + 4 * ((run.values & bit(o.a)) != 0) + 8 * ((run.values & b) != 0)];
    if (k == 0 && ((bit(o.a) | b) & ~moves) == 0) form = FIRST;
    const Target target = k == n - 1 ? LAST : read & bit(o.dst) ? STORED : VECTORS;
    run.step[k].run = reinterpret_cast<void (*)()>(e->step[form][target]);
    read =
        (read & ~bit(o.dst)) | (given_a ? 0 : bit(o.a)) | (given_b ? 0 : b) | (e->arity > 2 ? bit(o.c) : 0) | outputs;
    e = before;
  }
  run.n_steps = n;
}

// The steps over elements [0, n), whole blocks.
template <class T>
void run_steps(ListRun& run, int64_t n) {
  if (run.n_steps == 0) choose_steps<T>(run);
  const EwList& list = *run.list;
  const Vec<T> v = {};
  for (int64_t i = 0; i < n;) {
    // Builds without optimisation do not turn tail calls into jumps: this bounds their stack.
    constexpr int64_t kAtOnce = 64 * kListBlockBytes / static_cast<int64_t>(sizeof(T));
    const int64_t bytes = min_of(n - i, kAtOnce) * static_cast<int64_t>(sizeof(T));
    i += min_of(n - i, kAtOnce);
    const auto at_end = [&](int r) {
      const ListRegister& g = run.reg[r];
      return ListRegister{g.base + (i * static_cast<int64_t>(sizeof(T)) & g.mask), g.mask};
    };
    for (int k = 0; k < run.n_steps; ++k) {
      const EwInstr& o = list.instr[k];
      ListStep& s = run.step[k];
      s.dst = at_end(o.dst);
      s.a = at_end(o.a);
      s.b = at_end(o.b);
      s.c = at_end(o.c);
    }
    const ListStep* first = run.step;
    reinterpret_cast<Step<T>>(first->run)(first, -bytes, first, first->a.base, first->b.base,
                                          run.step[run.n_steps - 1].dst.base, v, v, v, v, v, v, v, v);
  }
#if defined(__AVX2__)
  _mm256_zeroupper();  // compilers leave it out of functions that take vectors, and SSE code after it would be slow
#endif
}

// Elements [i, i + n), at most a block unless all registers move. Inlined, since i is often 0.
template <class T>
inline __attribute__((always_inline)) void run_loops(const ListRun& run, int64_t i, int64_t n) {
  const int64_t at = i * static_cast<int64_t>(sizeof(T));
  for (int k = 0; k < run.list->n_instr; ++k) {
    const EwInstr& o = run.list->instr[k];
    const ListRegister &d = run.reg[o.dst], &a = run.reg[o.a], &b = run.reg[o.b], &c = run.reg[o.c];
    const auto in_block = [](const ListRegister& r, InBlock flag) { return static_cast<unsigned>(~r.mask) & flag; };
    entry<T>(o).loop(
        address<T>(d, at), address<T>(a, at), address<T>(b, at), address<T>(c, at), n,
        in_block(d, D_IN_BLOCK) | in_block(a, A_IN_BLOCK) | in_block(b, B_IN_BLOCK) | in_block(c, C_IN_BLOCK));
  }
}

template <class T>
void run_list(ListRun& run, int64_t n) {
  constexpr int64_t kBlock = kListBlockBytes / static_cast<int64_t>(sizeof(T));
  if (n <= kBlock || (run.list->n_instr == 1 && run.list->n_temp == 0 && run.values == 0))
    return run_loops<T>(run, 0, n);
  int64_t i = 0;
  if constexpr (kIsInteger<T>) {
    for (; i + kBlock <= n; i += kBlock) run_loops<T>(run, i, kBlock);
  } else {
    i = n - n % kBlock;
    run_steps<T>(run, i);
  }
  if (i < n) run_loops<T>(run, i, n - i);
}

// What an element alone has stored the next list finds before it has reached L1.
template <class T>
inline Vec<T> load_few(const T* p, int64_t n) {
  return n == 1 ? v_set(*p) : load_last(p, n, n == kLanes<T>);
}
template <class T>
inline void store_few(T* p, Vec<T> v, int64_t n) {
  n == 1 ? v_store_one(p, v) : store_last(p, v, n, n == kLanes<T>);
}

template <class T>
void run_few(const EwList& list, void* const* args, uint64_t moves, int64_t lo, int64_t n) {
  Vec<T> reg[kListRegisters];
  for (const int64_t end = lo + n; lo < end; lo += kLanes<T>) {
    const int64_t count = min_of(kLanes<T>, end - lo);
    for (int k = 0; k < list.n_in; ++k) {
      const T* const p = static_cast<const T*>(args[k]);
      reg[k] = moves >> k & 1 ? load_few(p + lo, count) : v_set(*p);
    }
    for (const EwInstr *o = list.instr, *last = o + list.n_instr; o < last; ++o)
      reg[o->dst] = kOne<T>[static_cast<int>(o->op)](reg[o->a], reg[o->b], reg[o->c]);
    for (int k = 0; k < list.n_out; ++k)
      store_few(static_cast<T*>(args[list.n_in + k]) + lo, reg[list.n_in + list.n_temp + k], count);
  }
}

template <class T>
void fill(ListRun& run, int r, const void* value, int64_t n) {
  char* block = run.block + r * kListBlockBytes;
  run.reg[r] = {block, 0};
  run.values |= bit(r);
  const Vec<T> v = v_set(*static_cast<const T*>(value));
  const int64_t bytes = min_of(n * static_cast<int64_t>(sizeof(T)), kListBlockBytes);
  for (int64_t i = 0; i < bytes; i += kVecBytes) v_store(reinterpret_cast<T*>(block + i), v);
}

}  // namespace

void list_fill(ListRun& run, int r, const void* value, int64_t n) {
  if (kDTypeSize[static_cast<int>(run.list->compute)] == 4)
    fill<int32_t>(run, r, value, n);
  else
    fill<int64_t>(run, r, value, n);
}

void list_few(const EwList& list, void* const* args, uint64_t moves, int64_t lo, int64_t n) {
  with_number(list.compute, [&](auto zero) { run_few<decltype(zero)>(list, args, moves, lo, n); });
}

void list_run(ListRun& run, int64_t n) {
  with_number(run.list->compute, [&](auto zero) { run_list<decltype(zero)>(run, n); });
}

void list_rows(ListRun& run, const ListOperand* operand, int64_t rows, int64_t cols) {
  const EwList& list = *run.list;
  const int n = list.n_in + list.n_out;
  const int64_t item = kDTypeSize[static_cast<int>(list.compute)];
  bool one_row = true;
  for (int k = 0; k < n; ++k) one_row = one_row && operand[k].row == (operand[k].moves ? cols : 0);
  if (one_row || rows == 1) {
    if (one_row) cols *= rows;
    rows = 1;
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (int k = 0; k < n; ++k) {
      const ListOperand& o = operand[k];
      const int r = k < list.n_in ? k : k + list.n_temp;
      char* p = static_cast<char*>(o.base) + row * o.row * item;
      if (o.moves) {
        run.reg[r] = {p, -1};
      } else if (row == 0 || o.row != 0) {
        list_fill(run, r, p, cols);
      }
    }
    list_run(run, cols);
  }
}

}  // namespace bs::kernels::BS_ISA
