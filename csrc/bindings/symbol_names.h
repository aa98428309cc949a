// Names inside a capture. Values are symbols there, which share no memory; what one name writes the others show, since
// all of them are parts of one value, which a write replaces (ops::write_strided: in a program it lies over the last).
#pragma once

#include "bindings/tensor.h"

namespace bs::bindings {

// What the names of a capture share.
struct SymbolStorage : Counted {
  Tensor value;  // contiguous, as last written
  uint64_t version = 0;

  static void destroy(SymbolStorage* s) { delete s; }
};

// As Lineage (graph/storage.h): what derivatives know of it.
struct SymbolLineage : Counted {
  Ref<SymbolStorage> storage;
  Tensor base;       // the value with the lineage's history and dtype, as it was at `version`; later on, the history
  uint64_t version;  // of the storage

  static Ref<SymbolLineage> make(Ref<SymbolStorage> s, Tensor base);
  // Another one in the same storage, without the history, whose values are the bits as `dtype`.
  Ref<SymbolLineage> apart(DType dtype);
  static void destroy(SymbolLineage* l) { delete l; }
  // All of the value, with the history that it has here.
  const Tensor& read();
  // The part that `at` shows becomes v, broadcast and cast.
  void write(const Tensor& at, const Tensor& v);
};

// Whether a plain tensor, or one that has just been made, is the capture's own: a symbol, or a constant that it has
// made. Others, which it met, it does not write.
bool of_capture(const Tensor& t);
// The part of `base`, which is contiguous, that `at` shows.
Tensor symbol_part(const Tensor& base, const Tensor& at);
// What a symbol shows some of: the first value below it that is no view.
const Node* root_of(const Tensor& t);

}  // namespace bs::bindings
