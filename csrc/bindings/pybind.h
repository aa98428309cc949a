#pragma once

// pybind11, the same in every file: a file that left out the casters of stl.h would compile, and refuse each
// std::optional or std::vector when it is called.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <structmember.h>
