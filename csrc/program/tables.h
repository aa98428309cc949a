// Hash tables of walks over recorded graphs and of build_ir(): of graphs of 100,000 nodes, in a few blocks of memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "graph/tensor.h"

namespace bs {

// A number for each node that was put in.
class NodeTable {
 public:
  // Null where n is not in.
  int* find(const Node* n) {
    Entry& e = entries_[at(n)];
    return e.node ? &e.number : nullptr;
  }
  // n's number, which is `number` if it was not in.
  int& add(const Node* n, int number) {
    if (2 * (count_ + 1) > entries_.size()) grow();
    Entry& e = entries_[at(n)];
    if (!e.node) {
      e = {n, number};
      ++count_;
    }
    return e.number;
  }

 private:
  struct Entry {
    const Node* node = nullptr;
    int number = 0;
  };
  // Where n is, or would be.
  size_t at(const Node* n) const {
    const size_t mask = entries_.size() - 1;
    size_t i = (reinterpret_cast<uintptr_t>(n) >> 4) * 0x9e3779b97f4a7c15u >> 20 & mask;
    while (entries_[i].node && entries_[i].node != n) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    std::vector<Entry> before(2 * entries_.size());
    before.swap(entries_);
    for (const Entry& e : before)
      if (e.node) entries_[at(e.node)] = e;
  }

  std::vector<Entry> entries_ = std::vector<Entry>(256);
  size_t count_ = 0;
};

// A number for each key, a string of bytes.
class KeyTable {
 public:
  // Where `key` was not in before, its number is `number`.
  int& add(const std::string& key, int number) {
    if (2 * (entries_.size() + 1) > slots_.size()) grow();
    const uint64_t hash = hash_of(key);
    const size_t mask = slots_.size() - 1;
    size_t i = hash & mask;
    for (; slots_[i] >= 0; i = (i + 1) & mask) {
      Entry& e = entries_[static_cast<size_t>(slots_[i])];
      if (e.hash == hash && e.size == key.size() && std::memcmp(&bytes_[e.begin], key.data(), e.size) == 0)
        return e.number;
    }
    slots_[i] = static_cast<int>(entries_.size());
    entries_.push_back({hash, bytes_.size(), key.size(), number});
    bytes_ += key;
    return entries_.back().number;
  }
  bool empty() const { return entries_.empty(); }
  void clear() { *this = KeyTable(); }

 private:
  struct Entry {
    uint64_t hash;
    size_t begin, size;
    int number;
  };
  static uint64_t hash_of(const std::string& key) {
    uint64_t h = key.size();
    size_t i = 0;
    const auto mix = [&](uint64_t word) {
      h = (h ^ word) * 0x9e3779b97f4a7c15u;
      h ^= h >> 29;
    };
    for (uint64_t word; i + sizeof word <= key.size(); i += sizeof word) {
      std::memcpy(&word, &key[i], sizeof word);
      mix(word);
    }
    for (; i < key.size(); ++i) mix(static_cast<uint8_t>(key[i]));
    return h;
  }
  void grow() {
    slots_.assign(2 * slots_.size(), -1);
    for (size_t k = 0; k < entries_.size(); ++k) {
      size_t i = entries_[k].hash & (slots_.size() - 1);
      while (slots_[i] >= 0) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = static_cast<int>(k);
    }
  }

  std::vector<Entry> entries_;
  std::vector<int> slots_ = std::vector<int>(256, -1);  // of entries, by their hashes
  std::string bytes_;                                   // of keys, one after the other
};

}  // namespace bs
