// The errors that users see. The text begins with the op, gives shapes, axis and the likely fix.
#pragma once

#include <algorithm>
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

// "[inner] text" as "[name] text".
inline std::string in_name_of(const std::string& name, const std::string& text) {
  const size_t end = text[0] == '[' ? text.find(']') : std::string::npos;
  if (end == std::string::npos) return cat("[", name, "] ", text);
  return cat("[", name, "] ", text.substr(std::min(text.size(), end + (text[end + 1] == ' ' ? 2 : 1))));
}

// fn(); what it throws about arguments is thrown in the name that the user has called.
template <class Fn>
auto with_errors_of(const std::string& name, Fn fn) {
  try {
    return fn();
  } catch (const ShapeError& e) {
    throw ShapeError(in_name_of(name, e.what()));
  } catch (const DTypeError& e) {
    throw DTypeError(in_name_of(name, e.what()));
  } catch (const IndexError& e) {
    throw IndexError(in_name_of(name, e.what()));
  } catch (const ValueError& e) {
    throw ValueError(in_name_of(name, e.what()));
  }
}

}  // namespace bs
