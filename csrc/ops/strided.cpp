// Parts of a tensor by strides: what a name that is a view is of its root, and the root with that part written. A
// write lies over what it writes to where nobody else reads that: filling n rows costs n rows, also in the sweep.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "base/with_dtype.h"
#include "graph/slot.h"
#include "graph/storage.h"
#include "ops/batch.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// Throws unless all elements lie in a tensor of n elements.
void check_part(const char* op, const Dims& shape, const Dims& stride, int64_t offset, int64_t n) {
  if (shape.size() != stride.size())
    throw ShapeError(cat("[", op, "] size ", str(shape), " and stride ", str(stride), " are not of one length"));
  bool fits = offset >= 0 && offset <= n, none = false;
  for (int64_t size : shape) {
    if (size < 0) throw ShapeError(cat("[", op, "] size ", str(shape), " has a size below 0"));
    none |= size == 0;
  }
  int64_t low = offset, high = offset;
  for (int d = 0; fits && !none && d < shape.size(); ++d) {
    int64_t span;
    fits = !__builtin_mul_overflow(shape[d] - 1, stride[d], &span) &&
           !__builtin_add_overflow(span < 0 ? low : high, span, span < 0 ? &low : &high);
  }
  if (!fits || (!none && (low < 0 || high >= n)))
    throw ShapeError(cat("[", op, "] size ", str(shape), ", stride ", str(stride), " and storage_offset ", offset,
                         " reach outside of ", n, " elements"));
}

// The loop over a part and a tensor of its shape, with axes joined that both run through as one.
struct Loop {
  int dims = 0;
  int64_t size[kMaxDims], to[kMaxDims], from[kMaxDims];  // outermost first

  Loop(const Dims& shape, const Dims& to_stride, const Dims& from_stride) {
    for (int d = 0; d < shape.size(); ++d) {
      if (shape[d] == 1) continue;
      if (const int e = dims - 1; e >= 0 && to[e] == to_stride[d] * shape[d] && from[e] == from_stride[d] * shape[d]) {
        size[e] *= shape[d];
      } else {
        size[dims++] = shape[d];
      }
      to[dims - 1] = to_stride[d];
      from[dims - 1] = from_stride[d];
    }
  }
};

// run(to, from, n, to_stride, from_stride) for each run of elements, in row-major order.
template <class T, class Run>
void each_run(const Loop& loop, T* to, const T* from, Run run) {
  for (int d = 0; d < loop.dims; ++d)
    if (loop.size[d] == 0) return;
  if (loop.dims == 0) return run(to, from, 1, 1, 1);
  const int inner = loop.dims - 1;
  int64_t at[kMaxDims] = {};
  while (true) {
    run(to, from, loop.size[inner], loop.to[inner], loop.from[inner]);
    int d = inner - 1;
    for (; d >= 0; --d) {
      to += loop.to[d];
      from += loop.from[d];
      if (++at[d] < loop.size[d]) break;
      to -= at[d] * loop.to[d];
      from -= at[d] * loop.from[d];
      at[d] = 0;
    }
    if (d < 0) return;
  }
}

constexpr double kBytesPerNanosecond = 10;

template <class T>
void copy_part(const Dims& shape, char* to, const Dims& to_stride, const char* from, const Dims& from_stride) {
  const auto run = [](T* t, const T* f, int64_t n, int64_t t_step, int64_t f_step) {
    if (t_step == 1 && f_step == 1) {
      std::memcpy(t, f, static_cast<size_t>(n) * sizeof(T));
    } else if (t_step == 1 && f_step == 0) {
      const T value = *f;
      if (value == static_cast<T>(0))
        std::memset(t, 0, static_cast<size_t>(n) * sizeof(T));
      else
        std::fill(t, t + n, value);
    } else {
      for (int64_t i = 0; i < n; ++i) t[i * t_step] = f[i * f_step];
    }
  };
  const Loop loop(shape, to_stride, from_stride);
  T* const t = reinterpret_cast<T*>(to);
  const T* const f = reinterpret_cast<const T*>(from);
  const int64_t n = loop.dims == 1 ? loop.size[0] : 0;
  const double cost = static_cast<double>(n) * sizeof(T) / kBytesPerNanosecond;
  if (const int threads = cost > kTeamNanoseconds ? num_threads() : 1; threads > 1) {
    const int parts = shares_for(cost, threads);
    return share_out(parts, nullptr, threads, [&](int part, int) {
      const Range r = bs::part_of(n, static_cast<int64_t>(64 / sizeof(T)), part, parts);
      if (r.lo < r.hi) run(t + r.lo * loop.to[0], f + r.lo * loop.from[0], r.hi - r.lo, loop.to[0], loop.from[0]);
    });
  }
  each_run(loop, t, f, run);
}

// Moves elements of any dtype.
void copy_part(DType dtype, const Dims& shape, char* to, const Dims& to_stride, const char* from,
               const Dims& from_stride) {
  with_word(dtype, [&](auto zero) { copy_part<decltype(zero)>(shape, to, to_stride, from, from_stride); });
}

// What the output begins as; nothing is to be done where it lies over the input.
void begin_with(const View& base, const View& out) {
  if (base.data != out.data)
    copy_part(out.dtype(), out.shape(), out.data, out.spec->full_strides(), base.data, base.spec->full_strides());
}

char* element(const View& v, int64_t i) { return v.data + i * static_cast<int64_t>(size_of(v.dtype())); }

double bytes_of(const Spec& s) {
  return static_cast<double>(bs::numel(s.shape)) * static_cast<double>(size_of(s.dtype));
}

// ---- as_strided ------------------------------------------------------------------------------------------------

int64_t offset_of(const Attrs& attrs) { return attrs.has(2) ? attrs.get<int64_t>(2) : 0; }

const Op as_strided_op{
    .name = "as_strided",
    .doc =
        "The elements of x, counted in row-major order, that lie `stride` apart along each axis, from the one at "
        "storage_offset on. A view; of an element that it shows more than once the gradients are added.",
    .inputs = {{"input"}},
    .attrs = {{"size", AttrType::dims, true}, {"stride", AttrType::dims, true}, {"storage_offset", AttrType::integer}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Dims &shape = attrs->get<Dims>(0), &stride = attrs->get<Dims>(1);
          check_part("as_strided", shape, stride, offset_of(*attrs), bs::numel(in[0].shape));
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
          out[0].set_strides(stride);
        },
    .view = true,
    .view_offsets = [](const Attrs* attrs, const Spec&, std::span<int64_t> at) { at[0] = offset_of(*attrs); },
    .grad =
        [](GradCall& call) {
          call.set_part(0, Strided{call.attrs().get<Dims>(1), offset_of(call.attrs())}, call.grad());
        },
};
BS_REGISTER(as_strided_op);

// Of a batch: samples lie one after the other.
Dims over_samples(const Dims& stride, const Spec& sample) {
  Dims all = stride;
  all.insert(0, bs::numel(sample.shape));
  return all;
}

BS_BATCH(as_strided_op, [](const BatchCall& call) {
  Dims shape = call.attrs().get<Dims>(0);
  shape.insert(0, call.size());
  return std::vector<Tensor>{as_strided(
      contiguous(call.in(0)), shape, over_samples(call.attrs().get<Dims>(1), call.spec(0)), offset_of(call.attrs()))};
});

// ---- write_strided ---------------------------------------------------------------------------------------------

const Op write_strided_op{
    .name = "write_strided",
    .doc = "x with the part that as_strided(x, src.shape, stride, storage_offset) shows replaced by src.",
    .inputs = {{"input"}, {"src"}},
    .attrs = {{"stride", AttrType::dims, true}, {"storage_offset", AttrType::integer, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Dims& stride = attrs->get<Dims>(0);
          check_part("write_strided", in[1].shape, stride, attrs->get<int64_t>(1), bs::numel(in[0].shape));
          for (int d = 0; d < stride.size(); ++d)
            if (stride[d] == 0 && in[1].shape[d] > 1)
              throw ValueError(cat("[write_strided] stride ", str(stride), " writes to one element more than once"));
          if (in[0].dtype != in[1].dtype)
            throw DTypeError(cat("[write_strided] src is ", name_of(in[1].dtype), ", input is ", name_of(in[0].dtype),
                                 ": cast it first"));
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      begin_with(call.in[0], call.out[0]);
      const View& v = call.in[1];
      copy_part(v.dtype(), v.shape(), element(call.out[0], call.attrs->get<int64_t>(1)), call.attrs->get<Dims>(0),
                v.data, v.spec->full_strides());
      return -1;
    },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return 2 * bytes_of(in[1]) / kBytesPerNanosecond; },
    .strided = ALL_INPUTS,
    .storage = Storage::moved,
    .in_place = IN_0,
    .grad =
        [](GradCall& call) {
          const Dims& stride = call.attrs().get<Dims>(0);
          const int64_t offset = call.attrs().get<int64_t>(1);
          const Spec& part = call.spec(1);
          Tensor g = contiguous(call.take_grad());
          if (call.needs(1)) {
            const Tensor v = as_strided(g, part.shape, stride, offset);
            call.set(1, call.needs(0) ? copy_of(v) : v);
          }
          if (call.needs(0)) {
            const Tensor zeros = expand(Tensor::scalar(0, g.dtype()), part.shape);
            call.set(0, write_strided(std::move(g), zeros, stride, offset));
          }
        },
};
BS_REGISTER(write_strided_op);
BS_BATCH(write_strided_op, [](const BatchCall& call) {
  return std::vector<Tensor>{write_strided(contiguous(whole(call, 0)), whole(call, 1),
                                           over_samples(call.attrs().get<Dims>(0), call.spec(0)),
                                           call.attrs().get<int64_t>(1))};
});

// ---- add_strided -----------------------------------------------------------------------------------------------

// The numbers of tensor k in `parts`: its offset, then its strides. Those of the next one begin at *at then.
Strided next_part(const std::vector<int64_t>& parts, int dims, size_t* at) {
  Strided s{{}, parts[(*at)++]};
  for (int d = 0; d < dims; ++d) s.stride.push(parts[(*at)++]);
  return s;
}

const Op add_strided_op{
    .name = "add_strided",
    .doc =
        "tensors[0] with each other one added to the part of it that `parts` names: of each in turn the offset, then "
        "the strides. Sums are in the order of the tensors.",
    .inputs = {{"tensors", false, true}},
    .attrs = {{"parts", AttrType::integers, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const auto& parts = attrs->get<std::vector<int64_t>>(0);
          if (in.size() == 0) throw ValueError("[add_strided] tensors is empty: there is nothing to add to");
          size_t numbers = 0, at = 0;
          for (int k = 1; k < in.size(); ++k) numbers += static_cast<size_t>(in[k].shape.size()) + 1;
          if (numbers != parts.size())
            throw ValueError(cat("[add_strided] parts has ", parts.size(), " numbers, not ", numbers,
                                 ": an offset and strides for each tensor but the first"));
          for (int k = 0; k < in.size(); ++k) {
            need_float("add_strided", "tensors", in[k].dtype);
            if (in[k].dtype != in[0].dtype)
              throw DTypeError(cat("[add_strided] tensors[", k, "] is ", name_of(in[k].dtype), ", tensors[0] is ",
                                   name_of(in[0].dtype), ": all must be of one float dtype"));
            if (k == 0) continue;
            const Strided s = next_part(parts, in[k].shape.size(), &at);
            check_part("add_strided", in[k].shape, s.stride, s.offset, bs::numel(in[0].shape));
          }
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      begin_with(call.in[0], call.out[0]);
      const auto& parts = call.attrs->get<std::vector<int64_t>>(0);
      size_t at = 0;
      for (int k = 1; k < call.n_in; ++k) {
        const View& v = call.in[k];
        const Strided s = next_part(parts, v.shape().size(), &at);
        with_float(v.dtype(), [&](auto zero) {
          using T = decltype(zero);
          each_run(Loop(v.shape(), s.stride, v.spec->full_strides()),
                   reinterpret_cast<T*>(element(call.out[0], s.offset)), v.as<const T>(),
                   [](T* t, const T* f, int64_t n, int64_t t_step, int64_t f_step) {
                     if (t_step == 1 && f_step == 1)
                       for (int64_t i = 0; i < n; ++i) t[i] += f[i];
                     else
                       for (int64_t i = 0; i < n; ++i) t[i * t_step] += f[i * f_step];
                   });
        });
      }
      return -1;
    },
    .cost =
        [](const Attrs*, const Specs& in, const Spec*) {
          double bytes = 0;
          for (int k = 1; k < in.size(); ++k) bytes += 3 * bytes_of(in[k]);
          return bytes / kBytesPerNanosecond;
        },
    .strided = ALL_INPUTS,
    .storage = Storage::cast,
    .in_place = IN_0,
    .grad =
        [](GradCall& call) {
          const auto& parts = call.attrs().get<std::vector<int64_t>>(0);
          const Tensor g = contiguous(call.grad());
          if (call.needs(0)) call.set(0, g);
          size_t at = 0;
          for (int k = 1; k < call.n_inputs(); ++k) {
            const Dims& shape = call.spec(k).shape;
            const Strided s = next_part(parts, shape.size(), &at);
            if (call.needs(k)) call.set(k, as_strided(g, shape, s.stride, s.offset));
          }
        },
};
BS_REGISTER(add_strided_op);
BS_BATCH(add_strided_op, [](const BatchCall& call) {
  std::vector<Tensor> in{contiguous(whole(call, 0))};
  std::vector<int64_t> numbers;
  size_t at = 0;
  for (int k = 1; k < call.n_inputs(); ++k) {
    const Strided s = next_part(call.attrs().get<std::vector<int64_t>>(0), call.spec(k).shape.size(), &at);
    const Dims stride = over_samples(s.stride, call.spec(0));
    numbers.push_back(s.offset);
    numbers.insert(numbers.end(), stride.begin(), stride.end());
    in.push_back(whole(call, k));
  }
  return std::vector<Tensor>{apply(add_strided_op, in, Attrs::make({std::move(numbers)}))};
});

// ---- in memory that is there -----------------------------------------------------------------------------------

// Of an op whose output lies over its first input, and whose derivative reads nothing; `holds`: the result is there.
Tensor apply_over(const Op& op, std::span<const Tensor> in, Ref<Attrs> attrs, bool holds = false) {
  const int n = static_cast<int>(in.size());
  Few<const Spec*, kFewOperands> specs(n);
  bool record = false;
  for (int i = 0; i < n; ++i) {
    const Tensor& t = in[static_cast<size_t>(i)];
    specs[i] = &t.spec();
    record |= recording() && t.node()->requires_grad;
  }
  Spec spec;
  op.infer(attrs.get(), Specs(specs), &spec);
  Ref<Node> node = Node::make(record ? &op : nullptr, record ? n : 0, 1);
  for (int i = 0; record && i < n; ++i) {
    const Tensor& t = in[static_cast<size_t>(i)];
    if (t.node()->severed) refuse_severed(op.name);
    node->connect(i, t, false);
  }
  node->attrs = attrs;
  node->requires_grad = record;
  Output& o = node->out(0);
  o.spec = std::move(spec);
  o.offset = in[0].out().offset;
  o.buffer = in[0].out().buffer;
  if (holds) return Tensor(std::move(node), 0);
  Few<View, kFewOperands> operands(n + 1);
  for (int i = 0; i < n; ++i) operands[i] = View{specs[i], in[static_cast<size_t>(i)].data()};
  operands[n] = View{&o.spec, operands[0].data};
  Call call;
  call.attrs = attrs.get();
  call.n_in = n;
  call.n_out = 1;
  call.in = operands.data();
  call.out = call.in + n;
  call.scratch = nullptr;
  op.forward(call, 0, 1);
  return Tensor(std::move(node), 0);
}

// Whether the op can be computed at once, over the first of its operands, which `over` says is read by nobody else.
bool computes_over(std::span<const Tensor> in, bool over) {
  for (const Tensor& t : in) over &= !t.symbolic() && t.dtype() == in[0].dtype();
  return over && !current_capture() && in[0].spec().contiguous();
}

// ---- with_history ----------------------------------------------------------------------------------------------

// In no registry: its derivative is that of a value which it does not give.
const Op with_history_op{
    .name = "with_history",
    .doc = "The value of x with the history of another one: what is written to a name without being recorded.",
    .inputs = {{"input"}, {"history"}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          if (!(in[0].shape == in[1].shape) || in[0].dtype != in[1].dtype)
            throw ShapeError(cat("[with_history] input is ", name_of(in[0].dtype), " ", str(in[0].shape),
                                 ", history is ", name_of(in[1].dtype), " ", str(in[1].shape)));
          out[0] = in[0];
        },
    .view = true,
    .strided = ALL_INPUTS,
    .grad = [](GradCall& call) { call.set(1, call.grad()); },
};

}  // namespace

bool held_once(const Tensor& t) {
  const Output& o = t.out();
  return o.value_refs.load(std::memory_order_acquire) == 1 && o.buffer.unique() && !o.buffer->release;
}

const Op* const kWriteStrided = &write_strided_op;

Tensor as_strided(const Tensor& x, const Dims& shape, const Dims& stride, int64_t offset) {
  return apply(as_strided_op, {x}, Attrs::make({shape, stride, offset}));
}

Tensor write_strided(Tensor x, const Tensor& src, const Dims& stride, int64_t offset, bool over) {
  Ref<Attrs> attrs = Attrs::make({stride, offset});
  over |= held_once(x);
  const Tensor in[] = {std::move(x), src};
  return computes_over(in, over) ? apply_over(write_strided_op, in, std::move(attrs))
                                 : apply(write_strided_op, in, std::move(attrs));
}

Tensor add_parts(Tensor base, std::vector<GradCall::OfPart>& parts) {
  const bool over = held_once(base) && !is_storage(base.dtype());
  const Dims whole = contiguous_strides(base.shape());
  std::vector<Tensor> in;
  in.reserve(parts.size() + 1);
  in.push_back(std::move(base));
  std::vector<int64_t> numbers;
  for (GradCall::OfPart& p : parts) {
    Strided s;
    if (const Slice* slice = std::get_if<Slice>(&p.part)) {
      s = {whole, slice->start * whole[slice->dim]};
      s.stride[slice->dim] *= slice->step;
    } else {
      s = std::move(std::get<Strided>(p.part));
    }
    numbers.push_back(s.offset);
    numbers.insert(numbers.end(), s.stride.begin(), s.stride.end());
    in.push_back(std::move(p.g));
  }
  Ref<Attrs> attrs = Attrs::make({std::move(numbers)});
  return computes_over(in, over) ? apply_over(add_strided_op, in, std::move(attrs))
                                 : apply(add_strided_op, in, std::move(attrs));
}

}  // namespace bs::ops

namespace bs {

Tensor part_of(const Tensor& x, const Place& place) {
  return ops::as_strided(ops::bitcast(x, place.spec.dtype), place.spec.shape, place.spec.full_strides(), place.offset);
}

Tensor with_part(Tensor x, const Tensor& v, const Place& place, bool over, bool holds) {
  if (const DType dtype = x.dtype(); dtype != place.spec.dtype)
    return ops::bitcast(with_part(ops::bitcast(x, place.spec.dtype), v, place, over, holds), dtype);
  if (!holds) return ops::write_strided(std::move(x), v, place.spec.full_strides(), place.offset, over);
  const Tensor in[] = {std::move(x), v};
  return ops::apply_over(*ops::kWriteStrided, in, Attrs::make({place.spec.full_strides(), place.offset}), true);
}

void move_part(const Place& place, char* data, const Tensor& v) {
  ops::copy_part(place.spec.dtype, place.spec.shape,
                 data + place.offset * static_cast<int64_t>(size_of(place.spec.dtype)), place.spec.full_strides(),
                 v.data(), v.spec().full_strides());
}

Tensor with_history(const Tensor& leaf, const Ref<Node>& past, int output) {
  if (!past->op) {
    leaf.node()->cell = past->cell;
    leaf.node()->requires_grad = true;
    return leaf;
  }
  // Of several writes one after the other the last one counts.
  Node* of = past.get();
  if (of->op == &ops::with_history_op) {
    output = static_cast<int>(of->in(1).output);
    of = of->in(1).node;
  }
  Ref<Node> node = Node::make(&ops::with_history_op, 2, 1);
  node->in(1) = Edge{Ref<Node>::share(of).release(), static_cast<uint32_t>(output), false};
  node->requires_grad = true;
  node->severed = of->severed;
  Output& o = node->out(0);
  o.spec = leaf.spec();
  o.offset = leaf.out().offset;
  o.buffer = leaf.out().buffer;
  return Tensor(std::move(node), 0);
}

Tensor with_history(const Tensor& value, const Tensor& past) { return apply(ops::with_history_op, {value, past}); }

}  // namespace bs
