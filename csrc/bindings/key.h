// What stands in the brackets of x[...], parsed once, for reading and for writing: ints, slices, None and Ellipsis give
// a view of x; tensors, lists and masks choose elements of that view.
#pragma once

#include <span>
#include <vector>

#include "base/few.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "ops/indexing.h"

namespace bs::bindings {

class Key {
 public:
  // `op` begins the texts of errors: getitem or setitem. Throws IndexError or TypeError for what is no key.
  Key(PyObject* key, const char* op) : Key(Given(key), op) {}

  // Indices and masks; where there are none, x[key] is view(x).
  std::span<const Tensor> tensors() const { return tensors_; }
  // What ints, slices, None and Ellipsis leave of x, on the tape of a capture: a node of its own.
  Tensor view(const Tensor& x) const;
  // x[key], and view(x) with `values` (of its dtype) at the tensors' places, where there are tensors; both on the tape.
  Tensor read(const Tensor& x) const;
  Tensor put(const Tensor& view, const Tensor& values, bool accumulate = false) const;

 private:
  // The items, without Python: a replay asks them again.
  struct Item {
    enum Kind { axis, all, position, slice, tensor } kind = axis;
    Extent at = 0;  // of a position; of a tensor, how many axes it takes, 0 for a single bool
    // Of a slice, as PySlice_Unpack() gives them.
    Extent start = 0, stop = 0;
    Py_ssize_t step = 1;
  };
  using Items = std::span<const Item>;
  // Borrowed from the key, or from what was made of it.
  struct Given {
    explicit Given(PyObject* key);
    py::object made;
    PyObject* one;
    PyObject* const* items = &one;
    Py_ssize_t n = 1;
    Given(const Given&) = delete;
  };

  Key(const Given& given, const char* op);
  static Item slice_item(PyObject* key, const char* op);
  bool take_tensor(PyObject* o, Item* item);
  static Tensor sliced(const Tensor& x, int dim, const Item& item);
  static Tensor basic(const Tensor& x, Items items, int used, const char* op);
  static std::vector<ops::IndexOfAxes> placed(int axes, Items items, std::span<const Tensor> tensors, const char* op);
  // fn(first and tensors, items, used, op), on the tape.
  template <class Fn>
  Tensor run(std::initializer_list<Tensor> first, Fn fn) const;

  Few<Item, 4> items_;
  std::vector<Tensor> tensors_;
  int used_ = 0;  // axes of x
  const char* op_;
};

}  // namespace bs::bindings
