// Work in a process of its own, which may crash.
#pragma once

#include <functional>
#include <string>

namespace duet::fuzz {

/// A line of text that a process leaves behind, whatever becomes of it.
class Note {
 public:
  Note();
  ~Note();
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;
  void write(const std::string& text);
  std::string read() const;

 private:
  static constexpr size_t kBytes = 8192;
  char* text_;
};

/// Runs f in a child process; its exit status, −1 if it did not end by itself (or a sanitizer ended it). `quiet` keeps
/// what it says of its end to itself.
int run_apart(const std::function<int()>& f, bool quiet);
/// The same in two parts, so that several can be under way: the child's number, and its exit status.
int start_apart(const std::function<int()>& f, bool quiet);
int wait_apart(int child);

}  // namespace duet::fuzz
