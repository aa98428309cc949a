#include "bindings/dlpack.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>

#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/device.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// The structures of the specification, version 1.0. Source: https://dmlc.github.io/dlpack/latest/c_api.html.
struct DLTensor {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  const int64_t *shape, *strides;  // in elements; strides may be null: row-major
  uint64_t byte_offset;
};
struct Managed {
  DLTensor tensor;
  void* context;
  void (*release)(Managed*);
};
struct ManagedVersioned {
  uint32_t major, minor;
  void* context;
  void (*release)(ManagedVersioned*);
  uint64_t flags;
  DLTensor tensor;
};
constexpr int32_t kCpu = 1;
constexpr uint64_t kReadOnly = 1, kCopied = 2;

template <class M>
constexpr const char* capsule_name = "dltensor";
template <>
constexpr const char* capsule_name<ManagedVersioned> = "dltensor_versioned";
template <class M>
constexpr const char* used_name = "used_dltensor";
template <>
constexpr const char* used_name<ManagedVersioned> = "used_dltensor_versioned";

struct Kind {
  DType dtype;
  uint8_t code, bits;
};
constexpr Kind kinds[] = {{DType::f32, 2, 32}, {DType::f64, 2, 64}, {DType::i32, 0, 32}, {DType::i64, 0, 64},
                          {DType::b8, 6, 8},   {DType::u8, 1, 8},   {DType::i8, 0, 8},   {DType::i16, 0, 16},
                          {DType::f16, 2, 16}, {DType::bf16, 4, 16}};
static_assert(std::size(kinds) == kDTypes);

Tensor copied_memory(const Tensor& t) {
  Tensor own = Tensor::empty(t.dtype(), t.shape());
  const Tensor from = ops::contiguous(t);
  if (t.numel()) std::memcpy(own.data(), from.data(), static_cast<size_t>(t.numel()) * size_of(t.dtype()));
  return own;
}

// ---- giving ----------------------------------------------------------------------------------------------------

// What a capsule points to: the value lives as long as it.
template <class M>
struct Given {
  M managed = {};
  Ref<Buffer> buffer;
  Dims shape, strides;

  static void release(M* m) { delete static_cast<Given*>(m->context); }
  static void release_unused(PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, capsule_name<M>)) return;
    auto* m = static_cast<M*>(PyCapsule_GetPointer(capsule, capsule_name<M>));
    m->release(m);
  }
};

template <class M>
PyObject* give(const Tensor& t, uint64_t flags) {
  auto given = std::make_unique<Given<M>>();
  given->buffer = t.out().buffer;
  given->shape = t.shape();
  given->strides = t.spec().full_strides();
  M& m = given->managed;
  if constexpr (std::is_same_v<M, ManagedVersioned>) {
    m.major = 1;
    m.flags = flags;
  }
  m.context = given.get();
  m.release = Given<M>::release;
  const Kind& kind =
      *std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& k) { return k.dtype == t.dtype(); });
  m.tensor = {
      t.data(), kCpu, 0, t.shape().size(), kind.code, kind.bits, 1, given->shape.begin(), given->strides.begin(), 0};
  PyObject* capsule = checked(PyCapsule_New(&m, capsule_name<M>, Given<M>::release_unused));
  given.release();  // the capsule's now
  return capsule;
}

constexpr char kDlpack[] =
    "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
    "A capsule of the elements for another library to read. Libraries that do not know which memory is to be read "
    "only get a copy.";
PyObject* dlpack(PyObject* self, const Arguments& v) {
  if (v.has(0)) throw py::type_error("[__dlpack__] stream is None: there are no streams on a CPU");
  if (v.has(2) && !py::reinterpret_borrow<py::object>(v[2]).equal(py::make_tuple(kCpu, 0)))
    throw py::buffer_error("[__dlpack__] dl_device is (1, 0), the CPU: there is no other");
  if (requires_grad(self))
    throw py::buffer_error(
        "[__dlpack__] this tensor requires a gradient, which other libraries do not know of: give x.detach()");
  bool versioned = false;
  if (v.has(1)) {
    const py::object version = py::reinterpret_borrow<py::object>(v[1]);
    versioned = py::cast<int64_t>(version[py::int_(0)]) >= 1;
  }
  Tensor t = unwrap_value(self);
  const bool copied = v.has(3) ? flag_argument(v[3], "__dlpack__", "copy") : !versioned;
  if (!copied && !versioned)
    throw py::buffer_error("[__dlpack__] a reader that does not know which memory is to be read only gets a copy");
  if (copied) t = copied_memory(t);
  return versioned ? give<ManagedVersioned>(t, copied ? kCopied : kReadOnly) : give<Managed>(t, 0);
}

PyObject* dlpack_device(PyObject*, PyObject*) { return Py_BuildValue("(ii)", kCpu, 0); }

// ---- taking ----------------------------------------------------------------------------------------------------

template <class M>
void release_taken(void* managed) {
  auto* m = static_cast<M*>(managed);
  if (m->release && !interpreter_ends()) m->release(m);
}

template <class M>
Tensor take(PyObject* capsule) {
  auto* m = static_cast<M*>(PyCapsule_GetPointer(capsule, capsule_name<M>));
  if (!m) throw py::error_already_set();
  if constexpr (std::is_same_v<M, ManagedVersioned>)
    if (m->major != 1) throw py::buffer_error(cat("[from_dlpack] version ", m->major, " of DLPack is not known"));
  const DLTensor& given = m->tensor;
  if (given.device_type != kCpu) throw py::buffer_error("[from_dlpack] the tensor is not on the CPU: copy it there");
  const auto kind = std::find_if(std::begin(kinds), std::end(kinds),
                                 [&](const Kind& k) { return k.code == given.code && k.bits == given.bits; });
  if (kind == std::end(kinds) || given.lanes != 1)
    throw DTypeError(cat("[from_dlpack] there is no dtype of kind ", int{given.code}, " with ", int{given.bits},
                         " bits and ", given.lanes, " lanes here: cast it first"));
  if (given.ndim > kMaxDims)
    throw ShapeError(cat("[from_dlpack] a tensor of ", given.ndim, " dimensions: there are at most 8"));
  Spec spec;
  spec.dtype = kind->dtype;
  Dims strides;
  int64_t last = 0;  // element
  for (int i = 0; i < given.ndim; ++i) {
    spec.shape.push(given.shape[i]);
    if (!given.strides) continue;
    if (given.strides[i] < 0 && given.shape[i] > 1)
      throw py::buffer_error("[from_dlpack] the tensor runs backwards along an axis: copy it first");
    strides.push(given.strides[i]);
    last += given.strides[i] * (given.shape[i] - 1);
  }
  const int64_t n = numel(spec.shape), elements = !given.strides ? n : n ? last + 1 : 0;
  if (given.strides) spec.set_strides(strides);
  char* data = static_cast<char*>(given.data) + given.byte_offset;
  Tensor t(Node::make(nullptr, 0, 1), 0);
  t.out().spec = std::move(spec);
  t.out().buffer = Buffer::wrap(data, static_cast<size_t>(elements) * kind->bits / 8, release_taken<M>, m);
  if (PyCapsule_SetName(capsule, used_name<M>) < 0) throw py::error_already_set();
  return t;
}

constexpr char kFromDlpack[] =
    "from_dlpack(ext_tensor, *, device=None, copy=None)\n--\n\n"
    "A tensor on the memory of another library's, or of a capsule that its to_dlpack() gave. It must not be written to "
    "any more, unless copy is True.";
PyObject* from_dlpack(PyObject*, const Arguments& v) {
  device_argument("from_dlpack", v[1]);
  py::object capsule = py::reinterpret_borrow<py::object>(v[0]);
  if (!PyCapsule_CheckExact(v[0])) {
    if (!py::hasattr(capsule, "__dlpack__"))
      throw py::type_error(cat("[from_dlpack] ext_tensor has no __dlpack__: it is ", type_name(v[0])));
    const py::object ask = capsule.attr("__dlpack__");
    try {
      capsule = ask(py::arg("max_version") = py::make_tuple(1, 0));
    } catch (py::error_already_set& e) {
      if (!e.matches(PyExc_TypeError)) throw;
      capsule = ask();  // it is older than versions
    }
  }
  const bool versioned = PyCapsule_IsValid(capsule.ptr(), capsule_name<ManagedVersioned>);
  if (!versioned && !PyCapsule_IsValid(capsule.ptr(), capsule_name<Managed>))
    throw ValueError("[from_dlpack] the capsule has been used already, or is none of DLPack");
  const Tensor t = versioned ? take<ManagedVersioned>(capsule.ptr()) : take<Managed>(capsule.ptr());
  return wrap(v.has(2) && flag_argument(v[2], "from_dlpack", "copy") ? copied_memory(t) : t);
}

PyMethodDef dlpack_functions[] = {{"from_dlpack", BS_METHOD(kFromDlpack, from_dlpack)}, {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyMethodDef dlpack_methods[] = {{"__dlpack__", BS_METHOD(kDlpack, dlpack)},
                                {"__dlpack_device__", dlpack_device, METH_NOARGS, nullptr},
                                {nullptr, nullptr, 0, nullptr}};

void register_dlpack(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), dlpack_functions) < 0) throw py::error_already_set();
}

}  // namespace bs::bindings
