// Where blocks lie in one arena.
#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "program/blocks.h"

namespace bs {
namespace {

// So many can be compared with each other in a millisecond.
constexpr size_t kFewBlocks = 1024;

// Each block in the smallest gap between those that live with it, those of most bytes first, or of most bytes times
// life. The better of the two needs at most 2 % more than what is alive at once on the networks of bench/phases.py,
// but the time is the square of the number of blocks.
std::vector<int64_t> greatest_first(const std::vector<Block>& blocks, bool times_life) {
  std::vector<size_t> order(blocks.size()), placed;  // placed: by offset
  const auto weight = [&](size_t i) {
    const Block& b = blocks[i];
    return times_life ? b.bytes * (b.last - b.first + 1) : b.bytes;
  };
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return weight(a) > weight(b); });
  std::vector<int64_t> at(blocks.size());
  for (size_t i : order) {
    const Block& b = blocks[i];
    int64_t end = 0, best = -1, gap = INT64_MAX;
    for (size_t p : placed) {
      const Block& other = blocks[p];
      if (other.last < b.first || other.first > b.last) continue;
      if (const int64_t room = at[p] - end; room >= b.bytes && room < gap) {
        gap = room;
        best = end;
      }
      end = std::max(end, at[p] + other.bytes);
    }
    at[i] = best >= 0 ? best : end;
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i, [&](size_t x, size_t y) { return at[x] < at[y]; }),
                  i);
  }
  return at;
}

// In the order of time, or backwards: each in the smallest gap that holds it, or at the end. The better of the two
// needs at most 5 % more than what is alive at once on networks of layers, 18 % on recurrent ones.
std::vector<int64_t> offsets(const std::vector<Block>& blocks, bool backwards) {
  const auto begin = [&](size_t i) { return backwards ? -blocks[i].last : blocks[i].first; };
  const auto end = [&](size_t i) { return backwards ? -blocks[i].first : blocks[i].last; };
  std::vector<size_t> order(blocks.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tuple(begin(a), -blocks[a].bytes) < std::tuple(begin(b), -blocks[b].bytes);
  });
  std::vector<int64_t> at(blocks.size());
  std::map<int64_t, int64_t> gaps;              // offset, bytes
  std::set<std::pair<int64_t, int64_t>> sizes;  // the same, by bytes
  const auto add_gap = [&](int64_t from, int64_t bytes) {
    auto next = gaps.lower_bound(from);
    if (next != gaps.end() && next->first == from + bytes) {
      bytes += next->second;
      sizes.erase({next->second, next->first});
      next = gaps.erase(next);
    }
    if (next != gaps.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == from) {
        from = before->first;
        bytes += before->second;
        sizes.erase({before->second, before->first});
        gaps.erase(before);
      }
    }
    gaps[from] = bytes;
    sizes.insert({bytes, from});
  };
  const auto drop_gap = [&](int64_t from, int64_t bytes) {
    gaps.erase(from);
    sizes.erase({bytes, from});
  };
  using End = std::pair<int, size_t>;
  std::priority_queue<End, std::vector<End>, std::greater<>> taken;
  int64_t size = 0;
  for (size_t i : order) {
    const Block& b = blocks[i];
    for (; !taken.empty() && taken.top().first < begin(i); taken.pop()) {
      const size_t gone = taken.top().second;
      if (blocks[gone].bytes > 0) add_gap(at[gone], blocks[gone].bytes);
    }
    taken.push({end(i), i});
    if (const auto fit = sizes.lower_bound({b.bytes, 0}); fit != sizes.end()) {
      const auto [bytes, from] = *fit;
      drop_gap(from, bytes);
      at[i] = from;
      if (bytes > b.bytes) add_gap(from + b.bytes, bytes - b.bytes);
      continue;
    }
    at[i] = size;
    if (!gaps.empty())
      if (const auto [from, bytes] = *std::prev(gaps.end()); from + bytes == size) {
        drop_gap(from, bytes);
        at[i] = from;
      }
    size = at[i] + b.bytes;
  }
  return at;
}

}  // namespace

std::vector<int64_t> arrange(const std::vector<Block>& blocks, int64_t* size) {
  *size = INT64_MAX;
  std::vector<int64_t> offset;
  const auto take_better = [&](std::vector<int64_t> other) {
    int64_t end = 0;
    for (size_t i = 0; i < blocks.size(); ++i) end = std::max(end, other[i] + blocks[i].bytes);
    if (end >= *size) return;
    *size = end;
    offset = std::move(other);
  };
  take_better(offsets(blocks, false));
  take_better(offsets(blocks, true));
  if (blocks.size() <= kFewBlocks)
    for (bool times_life : {false, true}) take_better(greatest_first(blocks, times_life));
  return offset;
}

}  // namespace bs
