// Kernels that work on rows: softmax, softmax cross entropy, layer norm, dropout, gather and scatter, reductions. GB/s
// counts what must be read and written once; of_peak is against streaming bandwidth, which what fits a cache exceeds.
#include <tuple>
#include <vector>

#include "peaks.h"

namespace bs::bench {
namespace {

using kernels::Kernels;
using kernels::Reduce;
using kernels::Reduction;

std::string size_name(int64_t rows, int64_t cols) { return std::to_string(rows) + "x" + std::to_string(cols); }

std::vector<int64_t> indices(int64_t n, int64_t below) {
  const Numbers<double> u(n, 0, static_cast<double>(below));
  return std::vector<int64_t>(u.data(), u.data() + n);
}

// `bytes` per element of rows x cols.
void count(State& state, int64_t elements, double bytes, int inputs) {
  count_elements(state, static_cast<double>(elements));
  count_rate(state, "GB/s", bytes * static_cast<double>(elements), stream_gbs(inputs));
}

void cross_entropy(int64_t rows, int64_t cols) {
  for_each_isa("rows", "cross_entropy/" + size_name(rows, cols), [=](State& state, const Kernels& k) {
    const Numbers<float> x(rows * cols, -3, 3), loss(rows), top(rows), log_sum(rows);
    const std::vector<int64_t> target = indices(rows, cols);
    for (auto _ : state) {
      k.cross_entropy(DType::f32, cols, x.data(), target.data(), -100, loss.data(), top.data(), log_sum.data(), 0,
                      rows);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 4, 1);
  });
  for_each_isa("rows", "cross_entropy_backward/" + size_name(rows, cols), [=](State& state, const Kernels& k) {
    const Numbers<float> x(rows * cols, -3, 3), top(rows, 2.9, 3), log_sum(rows, 1, 2), scale(1), dx(rows * cols);
    const std::vector<int64_t> target = indices(rows, cols);
    for (auto _ : state) {
      k.cross_entropy_backward(DType::f32, cols, x.data(), target.data(), -100, top.data(), log_sum.data(),
                               scale.data(), 0, dx.data(), 0, rows);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 8, 1);
  });
}

void softmax(bool logarithm, int64_t rows, int64_t cols) {
  const std::string name = (logarithm ? "log_softmax" : "softmax"), size = "/" + size_name(rows, cols);
  for_each_isa("rows", name + size, [=](State& state, const Kernels& k) {
    const Numbers<float> x(rows * cols, -3, 3), y(rows * cols);
    for (auto _ : state) {
      k.softmax(DType::f32, logarithm, cols, x.data(), y.data(), 0, rows);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 8, 1);
  });
  for_each_isa("rows", name + "_backward" + size, [=](State& state, const Kernels& k) {
    const Numbers<float> dy(rows * cols), y(rows * cols, -3, 0), dx(rows * cols);
    for (auto _ : state) {
      k.softmax_backward(DType::f32, logarithm, cols, dy.data(), y.data(), dx.data(), 0, rows);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 12, 2);
  });
}

struct Norm {
  Numbers<float> x, dy, y, gamma, beta, mean, rstd, dgamma, dbeta;
  Norm(int64_t rows, int64_t cols)
      : x(rows * cols),
        dy(rows * cols),
        y(rows * cols),
        gamma(cols),
        beta(cols),
        mean(rows),
        rstd(rows, 1, 2),
        dgamma(cols),
        dbeta(cols) {}
};

void layer_norm(int64_t rows, int64_t cols) {
  for_each_isa("rows", "layer_norm/" + size_name(rows, cols), [=](State& state, const Kernels& k) {
    const Norm n(rows, cols);
    for (auto _ : state) {
      k.layer_norm(DType::f32, cols, n.x.data(), n.gamma.data(), n.beta.data(), 1e-5, n.y.data(), n.mean.data(),
                   n.rstd.data(), 0, rows);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 8, 1);
  });
  for_each_isa("rows", "layer_norm_backward/" + size_name(rows, cols), [=](State& state, const Kernels& k) {
    const Norm n(rows, cols);
    for (auto _ : state) {
      k.layer_norm_backward(DType::f32, cols, n.dy.data(), n.x.data(), n.gamma.data(), n.mean.data(), n.rstd.data(),
                            n.y.data(), 0, rows);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 12, 2);
  });
  for_each_isa("rows", "layer_norm_backward_params/" + size_name(rows, cols), [=](State& state, const Kernels& k) {
    const Norm n(rows, cols);
    for (auto _ : state) {
      k.layer_norm_backward_params(DType::f32, rows, cols, n.dy.data(), n.x.data(), n.mean.data(), n.rstd.data(),
                                   n.dgamma.data(), n.dbeta.data(), 0, cols);
      benchmark::ClobberMemory();
    }
    count(state, rows * cols, 8, 2);
  });
}

void dropout(const char* name, int64_t n) {
  for_each_isa("rows", std::string("dropout/") + name, [=](State& state, const Kernels& k) {
    const Numbers<float> x(n), y(n);
    for (auto _ : state) {
      k.dropout(DType::f32, 1, 2, 0.9, x.data(), y.data(), 0, n);
      benchmark::ClobberMemory();
    }
    count(state, n, 8, 1);
  });
}

// 768 rows (a batch of 12 sequences of 64 tokens) of a table.
void rows_by_index(int64_t cols) {
  constexpr int64_t kIndices = 768, kGatherTable = 10000, kScatterTable = 65;
  for_each_isa("rows", "gather/768of" + size_name(kGatherTable, cols), [=](State& state, const Kernels& k) {
    const Numbers<float> table(kGatherTable * cols), out(kIndices * cols);
    const std::vector<int64_t> index = indices(kIndices, kGatherTable);
    for (auto _ : state) {
      k.gather_rows(cols * 4, table.data(), kGatherTable, index.data(), out.data(), 0, kIndices);
      benchmark::ClobberMemory();
    }
    count(state, kIndices * cols, 8, 1);
  });
  for_each_isa("rows", "scatter_add/768to" + size_name(kScatterTable, cols), [=](State& state, const Kernels& k) {
    const Numbers<float> x(kIndices * cols), out(kScatterTable * cols);
    const std::vector<int64_t> index = indices(kIndices, kScatterTable);
    for (auto _ : state) {
      k.scatter_add_rows(DType::f32, cols, kIndices, index.data(), x.data(), out.data(), 0, kScatterTable);
      benchmark::ClobberMemory();
    }
    count(state, kIndices * cols, 4, 1);
  });
}

void reduce(Reduction kind, int64_t outer, int64_t length, int64_t inner) {
  const std::string rest = std::string(kind == Reduction::sum ? "sum/" : "max/") + std::to_string(outer) + "," +
                           std::to_string(length) + "," + std::to_string(inner);
  for_each_isa("rows", rest, [=](State& state, const Kernels& k) {
    const Reduce r = {kind, DType::f32, outer, length, inner};
    const Numbers<float> x(outer * length * inner), y(outer * inner);
    for (auto _ : state) {
      k.reduce(r, x.data(), y.data(), 0, outer * inner);
      benchmark::ClobberMemory();
    }
    count(state, x.size(), 4, 1);
  });
}

}  // namespace
}  // namespace bs::bench

int main(int argc, char** argv) {
  using namespace bs::bench;
  using bs::kernels::Reduction;
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{128, 10}, {768, 65}, {4096, 1000}, {768, 64}}) {
    cross_entropy(rows, cols);
    for (bool logarithm : {false, true}) softmax(logarithm, rows, cols);
  }
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{1568, 64}, {768, 128}}) layer_norm(rows, cols);
  dropout("4096", 4096);
  dropout("131072", 131072);
  dropout("far", kFar);
  for (int64_t cols : {10, 64, 128}) rows_by_index(cols);
  using Shape = std::tuple<int64_t, int64_t, int64_t>;
  for (Reduction kind : {Reduction::sum, Reduction::max})
    // All, rows, columns: losses, softmax, bias gradients of small and large layers, batch statistics.
    for (auto [outer, length, inner] : {Shape{1, 16384, 1},
                                        {1, 1 << 24, 1},
                                        {768, 64, 1},
                                        {4096, 256, 1},
                                        {128, 10, 1},
                                        {1, 128, 10},
                                        {1, 1568, 64},
                                        {1, 1024, 1024},
                                        {64, 49, 32}})
      reduce(kind, outer, length, inner);
  return run(argc, argv);
}
