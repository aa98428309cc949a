// The interpreter's lock: giving it up around work, and taking it for a call-back.
#pragma once

#include <unistd.h>

#include "bindings/pybind.h"

namespace bs::bindings {

// What takes the lock, or calls Python, which gives it up and takes it again now and then. A daemon thread that asks
// for the lock after Python has begun to end never gets it: before Python 3.14 the thread is then ended by an unwinding
// that C++ cannot bear (destructors without the lock, std::terminate). Here it sleeps until the process is gone, as it
// does from 3.14 on.
template <class Fn>
auto unless_python_ends(Fn fn) {
  try {
    return fn();
  } catch (...) {  // nothing else comes out of CPython
    for (;;) pause();
  }
}

// This thread does without the lock while it lives.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() {
    unless_python_ends([&] { PyEval_RestoreThread(state_); });
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

// This thread has the lock while it lives.
class GilAcquire {
 public:
  GilAcquire() : state_(unless_python_ends([] { return PyGILState_Ensure(); })) {}
  ~GilAcquire() { PyGILState_Release(state_); }
  GilAcquire(const GilAcquire&) = delete;
  GilAcquire& operator=(const GilAcquire&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace bs::bindings
