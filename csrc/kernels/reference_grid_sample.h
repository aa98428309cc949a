// The oracle of images at places: element by element, in the order of kernels.def. For tests only.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// Equal to the kernels to the bit. T: float, double.
template <class T>
void grid_sample(const GridSample& s, int64_t samples, const T* x, const T* grid, T* y);
template <class T>
void grid_sample_input(const GridSample& s, int64_t samples, const T* g, const T* grid, T* dx);
template <class T>
void grid_sample_grid(const GridSample& s, int64_t samples, const T* g, const T* x, const T* grid, T* dgrid);

}  // namespace bs::kernels::reference
