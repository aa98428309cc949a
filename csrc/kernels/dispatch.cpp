// Chooses the table once, when the library is loaded. Compiled for the baseline CPU; BS_HAVE_<ISA> says which tables
// the build holds.
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/cpu.h"
#include "kernels/kernels.h"

namespace bs::kernels {

#ifdef BS_HAVE_V2
namespace v2 {
extern const Kernels table;
}
#endif
#ifdef BS_HAVE_V3
namespace v3 {
extern const Kernels table;
}
#endif
#ifdef BS_HAVE_V4
namespace v4 {
extern const Kernels table;
}
#endif
#ifdef BS_HAVE_NEON
namespace neon {
extern const Kernels table;
}
#endif

namespace {

struct Candidate {
  const Kernels* table;
  bool CpuFeatures::* needs;
};

// Best first.
const Candidate kCompiled[] = {
#ifdef BS_HAVE_V4
    {&v4::table, &CpuFeatures::v4},
#endif
#ifdef BS_HAVE_V3
    {&v3::table, &CpuFeatures::v3},
#endif
#ifdef BS_HAVE_V2
    {&v2::table, &CpuFeatures::v2},
#endif
#ifdef BS_HAVE_NEON
    {&neon::table, &CpuFeatures::neon},
#endif
};
constexpr int kCount = sizeof(kCompiled) / sizeof(kCompiled[0]);

struct Selection {
  const Kernels* available[kCount + 1] = {};
  const Kernels* active = nullptr;
  std::string error;  // empty: none

  Selection() {
    const CpuFeatures cpu = cpu_features();
    int n = 0;
    for (const Candidate& c : kCompiled)
      if (cpu.*c.needs) available[n++] = c.table;
    // Never null, so that reporting the error needs no special case; nothing runs when there is one.
    active = n > 0 ? available[0] : kCompiled[kCount - 1].table;
    if (n == 0) {
      error = std::string("backsweep needs a CPU with ") + (active->isa[0] == 'v' ? "x86-64-" : "") + active->isa +
              ", and this one lacks it";
      return;
    }
    const char* wanted = std::getenv("BACKSWEEP_ISA");
    if (wanted && *wanted && !activate(wanted)) {
      error = std::string("BACKSWEEP_ISA=") + wanted + ": this build and CPU offer";
      for (int i = 0; i < n; ++i) error += std::string(i ? ", " : " ") + available[i]->isa;
    }
  }

  bool activate(const char* isa) {
    for (const Kernels* const* t = available; *t; ++t) {
      if (std::strcmp((*t)->isa, isa) == 0) {
        active = *t;
        return true;
      }
    }
    return false;
  }
};

Selection& selection() {
  static Selection s;  // made at first use: other files' initialisers may be among the users
  return s;
}

}  // namespace

const Kernels& active() { return *selection().active; }

const Kernels* const* available() { return selection().available; }

bool activate(const char* isa) { return selection().activate(isa); }

const char* selection_error() {
  const std::string& error = selection().error;
  return error.empty() ? nullptr : error.c_str();
}

}  // namespace bs::kernels
