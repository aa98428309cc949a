// The filled table of this instruction set.
#include "kernels/kernels.h"

#define BS_TEXT_OF(x) #x
#define BS_TEXT(x) BS_TEXT_OF(x)

namespace bs::kernels::BS_ISA {

void elementwise(const EwList&, void* const*, int64_t, int64_t);
size_t gemm_scratch(const Gemm&);
void gemm(const Gemm&, const void*, const void*, const void*, void*, int64_t, int64_t, int64_t, int64_t, void*);
void reduce(const Reduce&, const void*, void*, int64_t, int64_t);
void arg_reduce(const Reduce&, const void*, int64_t*, int64_t, int64_t);
void softmax(DType, bool, int64_t, const void*, void*, int64_t, int64_t);
void softmax_backward(DType, bool, int64_t, const void*, const void*, void*, int64_t, int64_t);
int64_t cross_entropy(DType, int64_t, const void*, const int64_t*, int64_t, void*, void*, void*, int64_t, int64_t);
void cross_entropy_backward(DType, int64_t, const void*, const int64_t*, int64_t, const void*, const void*, const void*,
                            int64_t, void*, int64_t, int64_t);
void layer_norm(DType, int64_t, const void*, const void*, const void*, double, void*, void*, void*, int64_t, int64_t);
void layer_norm_backward(DType, int64_t, const void*, const void*, const void*, const void*, const void*, void*,
                         int64_t, int64_t);
void layer_norm_backward_params(DType, int64_t, int64_t, const void*, const void*, const void*, const void*, void*,
                                void*, int64_t, int64_t);
int64_t gather_rows(int64_t, const void*, int64_t, const int64_t*, void*, int64_t, int64_t);
void scatter_add_rows(DType, int64_t, int64_t, const int64_t*, const void*, void*, int64_t, int64_t);
void dropout(DType, uint64_t, uint64_t, double, const void*, void*, int64_t, int64_t);
void sgd(const Sgd&, const void*, const void*, const void*, void*, void*, int64_t, int64_t);
void adam(const Adam&, const void* const*, void* const*, int64_t, int64_t);

extern const Kernels table;
constinit const Kernels table = {
    .isa = BS_TEXT(BS_ISA),
    .elementwise = elementwise,
    .gemm_scratch = gemm_scratch,
    .gemm = gemm,
    .reduce = reduce,
    .arg_reduce = arg_reduce,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .cross_entropy = cross_entropy,
    .cross_entropy_backward = cross_entropy_backward,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .layer_norm_backward_params = layer_norm_backward_params,
    .gather_rows = gather_rows,
    .scatter_add_rows = scatter_add_rows,
    .dropout = dropout,
    .sgd = sgd,
    .adam = adam,
};

}  // namespace bs::kernels::BS_ISA
