// Programs without Python. On threads: the same bits on any number of them, and several callers at once, written for
// ThreadSanitizer too, which sees no program that Python starts. And what is recorded apart.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/parallel.h"
#include "graph/apply.h"
#include "ops/ops.h"
#include "program/capture.h"
#include "program/program.h"

namespace bs {
namespace {

#define EXPECT(condition)                                                  \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::printf("%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (false)

constexpr int64_t kSize = 192;

Tensor filled(float scale) {
  Tensor t = Tensor::empty(DType::f32, Dims{kSize, kSize});
  for (int64_t i = 0; i < kSize * kSize; ++i)
    reinterpret_cast<float*>(t.data())[i] = scale * static_cast<float>(i % 97);
  return t;
}

Tensor op(const char* name, std::initializer_list<Tensor> inputs) { return apply(*find_op(name), inputs); }

// y = tanh(tanh(x w) w); w and s become tanh(w w) and tanh(s), one in new memory, the other in place.
struct Network {
  Ref<Slot> w = Slot::make(filled(1e-3f), false), s = Slot::make(filled(1e-2f), false);
  std::unique_ptr<Program> program;

  Network() {
    Capture capture;
    std::vector<Tensor> outputs;
    {
      CaptureScope scope(capture);
      Spec spec;
      spec.shape = Dims{kSize, kSize};
      const Tensor x = capture.input(spec, false);
      outputs.push_back(op("tanh", {op("matmul", {op("tanh", {op("matmul", {x, w->read()})}), w->read()})}));
      w->write(op("tanh", {op("matmul", {w->read(), w->read()})}));
      s->write(op("tanh", {s->read()}));
    }
    program = std::make_unique<Program>(capture, capture.inputs, outputs, false);
  }
  std::vector<Tensor> run(const Tensor& x) {
    char* const inputs[] = {x.data()};
    return program->run(inputs);
  }
};

bool equal(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.data(), b.data(), sizeof(float) * kSize * kSize) == 0;
}

void same_bits() {
  const Tensor x = filled(0.5f);
  std::vector<Tensor> first;
  for (int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    Network net;
    std::vector<Tensor> made;
    for (int step = 0; step < 3; ++step) made.push_back(net.run(x)[0]);
    made.push_back(net.w->value());
    made.push_back(net.s->value());
    if (first.empty()) first = made;
    for (size_t i = 0; i < made.size(); ++i) EXPECT(equal(made[i], first[i]));
  }
}

// Steps commute, whoever makes them; meanwhile another thread looks at the slots and changes the number of threads.
void several_callers() {
  constexpr int kCallers = 3, kSteps = 10;
  const Tensor x = filled(0.5f);
  Network want, net;
  set_num_threads(2);
  for (int step = 0; step < kCallers * kSteps; ++step) want.run(x);
  std::atomic<int> running{kCallers};
  std::vector<std::thread> threads;
  for (int c = 0; c < kCallers; ++c)
    threads.emplace_back([&] {
      for (int step = 0; step < kSteps; ++step) net.run(x);
      --running;
    });
  for (int i = 0; running > 0; ++i) {
    EXPECT(net.s->value().data() != nullptr && net.w->value().data() != nullptr);
    set_num_threads(1 + i % 4);
    op("matmul", {x, x});
  }
  for (std::thread& t : threads) t.join();
  EXPECT(equal(net.w->value(), want.w->value()) && equal(net.s->value(), want.s->value()));
}

// How many products there are in the program of f(x, w), x being an argument and w a slot.
template <class F>
int products(F f) {
  const Ref<Slot> w = Slot::make(filled(1e-3f), false);
  Capture capture;
  Tensor y;
  {
    CaptureScope scope(capture);
    Spec spec;
    spec.shape = Dims{kSize, kSize};
    y = f(capture.input(spec, false), w->read());
  }
  const std::string text = Program(capture, capture.inputs, {y}, false).plan().text;
  int count = 0, turned = 0;
  for (size_t at = 0; (at = text.find("= copy", at)) != std::string::npos; ++at) ++turned;
  EXPECT(turned == (text.find("= linear") != std::string::npos));  // the weight, once for all
  for (const char* name : {"= matmul", "= linear"})
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos; ++at) ++count;
  return count;
}

Tensor add(const Tensor& a, const Tensor& b) { return op("add", {a, b}); }

// What a checkpoint computes again is not what was computed before, but within itself equal is equal.
void recorded_apart() {
  for (const char* name : {"matmul", "linear"}) {
    constexpr int kLayers = 8;  // so many linear ones are lowered
    const auto layers = [&](const Tensor& x, const Tensor& w) {
      Tensor y = x;
      for (int i = 0; i < kLayers; ++i) y = op(name, {y, w});
      return y;
    };
    const auto twice = [&](const Tensor& x, const Tensor& w) { return add(layers(x, w), op("neg", {layers(x, w)})); };
    EXPECT(products(twice) == kLayers);
    EXPECT(products([&](const Tensor& x, const Tensor& w) {
             const Tensor first = twice(x, w);
             ApartScope again;
             return add(first, twice(x, w));
           }) == 2 * kLayers);
    EXPECT(products([&](const Tensor& x, const Tensor& w) {
             Tensor y = layers(x, w);
             for (int i = 0; i < 2; ++i) {
               ApartScope again;
               y = add(y, layers(x, w));
             }
             return add(y, layers(x, w));
           }) == 3 * kLayers);
    EXPECT(products([&](const Tensor& x, const Tensor& w) {
             ApartScope outer;
             const uint32_t number = ApartScope::current();
             const Tensor first = layers(x, w);
             Tensor y;
             {
               ApartScope inner;
               y = layers(x, w);
             }
             ApartScope back(number);
             return add(add(first, y), layers(x, w));
           }) == 2 * kLayers);
  }
  EXPECT(ApartScope::current() == 0);
}

// Where parts are whole granules, as products of whole matrices are, none is left without any.
void parts_have_units() {
  static std::atomic<int> calls{0}, without{0};
  static const Op coarse{
      .name = "coarse",
      .doc = "",
      .inputs = {{"input"}},
      .infer = [](const Attrs*, const Specs& in, Spec* out) { out[0].shape = in[0].shape; },
      .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
        ++(lo < hi ? calls : without);
        std::copy(call.in[0].as<float>() + lo, call.in[0].as<float>() + hi, call.out[0].as<float>() + lo);
        return -1;
      },
      .place = [](const Attrs*, const Specs&, const Spec*) { return Placement{kSize * kSize, kSize * kSize / 4}; },
      .cost = [](const Attrs*, const Specs&, const Spec*) { return 1e7; },
  };
  const Tensor x = filled(0.5f);
  for (int threads : {2, 3, 7}) {
    set_num_threads(threads);
    Capture capture;
    Tensor y;
    {
      CaptureScope scope(capture);
      Spec spec;
      spec.shape = Dims{kSize, kSize};
      y = apply(coarse, {capture.input(spec, false)});
    }
    Program program(capture, capture.inputs, {y}, false);
    char* const inputs[] = {x.data()};
    calls = without = 0;
    EXPECT(equal(program.run(inputs)[0], x));
    EXPECT(calls == 4 && without == 0);
  }
}

// What a run reads is held, so whoever writes to a part of it meanwhile does so in other memory.
void arguments_that_are_written() {
  Network network;
  const Tensor x = filled(1e-2f);
  const std::vector<Tensor> want = network.run(x);
  Tensor name = x;
  std::thread writer([&] {
    const Tensor row = Tensor::scalar(7, DType::f32);
    for (int i = 0; i < 200; ++i)
      name = ops::write_strided(std::move(name), ops::expand(row, Dims{kSize}), Dims{1}, i % kSize * kSize);
  });
  for (int i = 0; i < 20; ++i) {
    Network again;
    EXPECT(equal(again.run(x)[0], want[0]));
  }
  writer.join();
  EXPECT(reinterpret_cast<const float*>(name.data())[0] == 7 && !name.same(x));
}

}  // namespace
}  // namespace bs

int main() {
  bs::parts_have_units();
  bs::recorded_apart();
  bs::same_bits();
  bs::several_callers();
  bs::arguments_that_are_written();
  std::puts("ok");
}
