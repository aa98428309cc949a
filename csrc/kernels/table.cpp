// The filled table of this instruction set.
#include "kernels/kernels.h"

#define BS_TEXT_OF(x) #x
#define BS_TEXT(x) BS_TEXT_OF(x)

namespace bs::kernels::BS_ISA {

#define BS_KERNEL(result, name, ...) result name(__VA_ARGS__);
#include "kernels/kernels.def"

extern const Kernels table;
constinit const Kernels table = {
    .isa = BS_TEXT(BS_ISA),
#define BS_KERNEL(result, name, ...) .name = name,
#include "kernels/kernels.def"
};

}  // namespace bs::kernels::BS_ISA
