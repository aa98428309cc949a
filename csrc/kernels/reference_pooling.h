// The oracles of pooling: windows of whole arrays, element by element in the order of kernels.h. For tests only.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// Equal to the kernels to the bit. T: float, double. index may be null.
template <class T>
void max_pool(const Pool& p, int64_t planes, const T* x, T* y, int64_t* index);
template <class T>
void max_pool_backward(const Pool& p, int64_t planes, const T* dy, const T* x, T* dx);
template <class T>
void avg_pool(const Pool& p, int64_t planes, const T* x, T* y);
// In double, in the order of the windows.
void avg_pool_backward(const Pool& p, int64_t planes, const double* dy, double* dx);

}  // namespace bs::kernels::reference
