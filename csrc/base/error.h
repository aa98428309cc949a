// The errors that users see. The text begins with the op, gives shapes, axis and the likely fix.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace bs {

// Sizes that do not go together (in Python also a ValueError).
struct ShapeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Element types that do not go together (also a TypeError).
struct DTypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The graph is used in a way it does not allow: no derivative, a value read while capturing (also a RuntimeError).
struct GraphError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// An index outside its range (an IndexError).
struct IndexError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Any other argument that makes no sense (a ValueError).
struct ValueError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream s;
  (s << ... << parts);
  return s.str();
}

}  // namespace bs
