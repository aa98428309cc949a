// Variables of a thread that nearly every op looks at.
#pragma once

#include <cstdlib>  // for __GLIBC__

// Declares a thread_local of a few plain bytes that is read without a call, which is a twentieth of a small op
// (measured). Of a library that is loaded late glibc keeps some room for such; others may refuse the library.
#ifdef __GLIBC__
#define BS_THREAD_LOCAL [[gnu::tls_model("initial-exec")]] thread_local
#else
#define BS_THREAD_LOCAL thread_local
#endif
