// Failures on demand: the k-th call of a kind fails, once or from there on. Kinds are blocks of memory, from new or
// from the C library, and the system calls of files. The library has no hook for it: new is replaced, and the linker
// puts the functions of faults.cpp in place of the C library's (CMakeLists.txt: --wrap).
#pragma once

#include <cstdint>
#include <string>

namespace duet::faults {

enum class Kind : int {
  memory,      // new, malloc, aligned_alloc, mmap
  inflate,     // zlib, which has an allocator of its own: no memory
  open,        // of a file that is read or written: no handle left
  read,        // an error of the disk
  short_read,  // the file has become shorter: nothing more comes
  few_bytes,   // no fault: each call reads or writes one byte
  interrupt,   // no fault: a signal came before anything was moved
  write,       // the disk is full
  flush,       // the disk is full, noticed late
  close,       // the same
  rename,      // the name cannot be taken
};

/// From now on call k (from 0) of the kind fails, all later ones too with `onwards`.
void arm(Kind kind, int64_t k, bool onwards = false);
/// Ends it; how many calls of the kind there were.
int64_t disarm();
/// Whether a call was made to fail since arm().
bool struck();

/// Bytes that new handed out and that were not given back.
int64_t live_heap_bytes();
/// The most of them since arm().
int64_t peak_heap_bytes();

}  // namespace duet::faults
