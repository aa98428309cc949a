// The memory plan: blocks that values take one after the other, and where these lie.
#pragma once

#include <cstdint>
#include <vector>

#include "program/ir.h"

namespace bs {

// What values that follow each other share, or scratch: taken from `first` to `last`, both included.
struct Block {
  int64_t bytes = 0;
  int first = 0, last = 0;            // times
  int first_step = 0, last_step = 0;  // that make and read what lies there
};

struct Blocks {
  std::vector<Block> all;
  std::vector<int> of_value, of_scratch;  // of values and steps: their block, or -1
  std::vector<bool> of_threads;           // of steps: each thread has its part of the scratch
  std::vector<int> time;                  // of steps: those of a phase that several threads run have the same
};

// The blocks of a program for so many threads.
Blocks find_blocks(const Ir& ir, const std::vector<Phase>& phases, int members);

// Offsets of blocks such that those that live at one time do not overlap, and the bytes that they need.
std::vector<int64_t> arrange(const std::vector<Block>& blocks, int64_t* size);

}  // namespace bs
