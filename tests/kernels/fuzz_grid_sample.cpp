// Images at places, over random images, modes and places, far outside and not finite too: equal to the oracle to the
// bit, and parts to the whole.
#include "fuzz.h"
#include "kernels/reference_grid_sample.h"

namespace bs::fuzz {
namespace {

namespace reference = kernels::reference;
using kernels::GridBorder;
using kernels::GridMode;
using kernels::GridSample;

template <class T>
void sample(Random& random) {
  GridSample s{dtype_of<T>(),
               GridMode(random.integer(0, 2)),
               GridBorder(random.integer(0, 2)),
               random.one_in(2),
               random.one_in(3) ? 3 : 2,
               random.integer(1, 5),
               random.integer(0, 70),
               {1, 1, 1}};
  if (s.axes == 3 && s.mode == GridMode::cubic) s.mode = GridMode::linear;
  int64_t pixels = 1;
  for (int a = 0; a < s.axes; ++a) pixels *= s.in[a] = random.integer(1, s.axes == 3 ? 7 : 20);
  const int64_t samples = random.integer(0, 3), planes = samples * s.channels, places = samples * s.places;
  const Array<T> x = normals<T>(random, planes * pixels), g = normals<T>(random, planes * s.places);
  Array<T> grid = normals<T>(random, places * s.axes, random.pick({0.5, 1.0, 4.0}));
  if (random.one_in(2))  // centres of pixels, and what lies between them
    for (T& v : grid) v = std::round(v * 8) / 8;
  if (random.one_in(4))
    for (T& v : grid)
      if (random.one_in(9)) v = random.pick({T(NAN), T(INFINITY), T(-INFINITY), T(1e30), T(-1e18)});
  Array<T> want_y = unwritten<T>(planes * s.places), want_dx = unwritten<T>(planes * pixels);
  Array<T> want_dgrid = unwritten<T>(places * s.axes);
  reference::grid_sample(s, samples, x.data(), grid.data(), want_y.data());
  reference::grid_sample_input(s, samples, g.data(), grid.data(), want_dx.data());
  reference::grid_sample_grid(s, samples, g.data(), x.data(), grid.data(), want_dgrid.data());
  for_each_isa([&](const Kernels& k) {
    Array<T> y = unwritten<T>(planes * s.places), dx = unwritten<T>(planes * pixels);
    Array<T> dgrid = unwritten<T>(places * s.axes);
    in_parts(random, planes, [&](int64_t lo, int64_t hi) {
      k.grid_sample(s, x.data(), grid.data(), y.data(), lo, hi);
      k.grid_sample_input(s, g.data(), grid.data(), dx.data(), lo, hi);
    });
    in_parts(random, places, [&](int64_t lo, int64_t hi) {
      k.grid_sample_grid(s, g.data(), x.data(), grid.data(), dgrid.data(), lo, hi);
    });
    record(k, y);
    record(k, dx);
    record(k, dgrid);
    expect_same("grid_sample", k.isa, y, want_y);
    expect_same("grid_sample_input", k.isa, dx, want_dx);
    expect_same("grid_sample_grid", k.isa, dgrid, want_dgrid);
  });
}

void one(Random& random, uint64_t) {
  sample<float>(random);
  sample<double>(random);
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
