// Everything that can go wrong between a file and a tensor: no memory, no handle, a disk that reads badly, that is
// full, or that says so late. A failed save leaves the old file whole and nothing beside it; a failed load changes
// nothing.
#include <sys/stat.h>

#include "duet/data/csv.h"
#include "duet/data/idx.h"
#include "duet/io/checkpoint.h"
#include "deflated.h"
#include "faults/sweep.h"
#include "files.h"

namespace duet {
namespace {

using faults::Kind;
using faults::sweep;

struct Model {
  Tensor weight, bias;
  int64_t epoch = 0;
};
Model model(int seed) { return {expect::numbers({3, 5}, seed), expect::numbers({70}, seed + 1), seed}; }
io::NamedTensors named(int seed) {
  const Model m = model(seed);
  return {{"weight", m.weight}, {"bias", m.bias}, {"step", tensor({seed})}};
}

std::string fixture(const std::string& name) { return DUET_SOURCE_DIR "/tests/interchange/fixtures/" + name; }

/// A folder whose files' bytes and names are the state of a call.
struct Folder {
  TempFolder folder;
  std::string at(const std::string& name) const { return folder / name; }
  std::string bytes() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      all.push_back(entry.path().filename().string() + "=" + file_bytes(entry.path().string()));
    std::sort(all.begin(), all.end());
    std::string text;
    for (const std::string& s : all) text += s + ";";
    return text;
  }
};

/// A kind of file: how an old one is saved, a new one, and how it is loaded.
struct Format {
  const char* name;
  const char* file;
  void (*save)(const std::string& path, int seed);
  std::vector<Tensor> (*load)(const std::string& path);
  const char *load_where = "load: ", *load_end = "";  // what stands around the message of a failed load
};

std::vector<Tensor> tensors_of(const io::NamedTensors& all) {
  std::vector<Tensor> out;
  for (const auto& entry : all) out.push_back(entry.second);
  return out;
}
std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

const Format kFormats[] = {
    {"npy", "m.npy", [](const std::string& p, int seed) { io::save_npy(p, expect::numbers({40}, seed)); },
     [](const std::string& p) { return std::vector<Tensor>{io::load_npy(p)}; }},
    {"npz", "m.npz", [](const std::string& p, int seed) { io::save_npz(p, named(seed)); },
     [](const std::string& p) { return tensors_of(io::load_npz(p)); }},
    {"safetensors", "m.safetensors", [](const std::string& p, int seed) { io::save_safetensors(p, named(seed)); },
     [](const std::string& p) { return tensors_of(io::load_safetensors(p)); }},
    {"checkpoint", "step-000000001.safetensors",
     [](const std::string& p, int seed) { io::Checkpoint{parent(p)}.save(1, model(seed)); },
     [](const std::string& p) {
       Model m = model(9);
       io::Checkpoint{parent(p)}.restore(m);
       return std::vector<Tensor>{m.weight, m.bias, tensor({static_cast<int>(m.epoch)})};
     },
     "restore: ", "; there is no earlier one"},
};

// Files that are only read.
std::string idx_folder(const Folder& f, bool packed) {
  auto put = [&](const std::string& name, std::string bytes) {
    if (packed) bytes = deflated(bytes, 16 + MAX_WBITS);
    write_file(f.at(name), bytes);
  };
  for (const std::string set : {"train", "t10k"}) {
    put(set + "-images-idx3-ubyte", std::string("\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh", 24));
    put(set + "-labels-idx1-ubyte", std::string("\0\0\x08\1\0\0\0\2\1\0", 10));
  }
  return f.folder.path();
}
std::vector<Tensor> read_idx(const std::string& folder) {
  const data::TrainTest sets = data::load_idx(folder);
  return {sets.train.x, sets.train.y, sets.test.x, sets.test.y};
}
std::vector<Tensor> read_csv(const std::string& path) {
  const data::Table t = data::load_csv(path, {.label = "kind"});
  return {t.x, t.y};
}
const std::string kCsv = "len,wid,kind\n1,2,\"a \"\"b\"\"\"\n3,4e-1,a name that is longer than a short string\n";

struct Reader {
  const char* name;
  std::string (*write)(const Folder& f);  // gives the path
  std::vector<Tensor> (*load)(const std::string& path);
};
const Reader kReaders[] = {
    {"packed npz",
     [](const Folder& f) {
       write_file(f.at("d.npz"), file_bytes(fixture("deflated.npz")));
       return f.at("d.npz");
     },
     [](const std::string& p) { return tensors_of(io::load_npz(p)); }},
    {"csv",
     [](const Folder& f) {
       write_file(f.at("t.csv"), kCsv);
       return f.at("t.csv");
     },
     read_csv},
    {"idx", [](const Folder& f) { return idx_folder(f, false); }, read_idx},
    {"packed idx", [](const Folder& f) { return idx_folder(f, true); }, read_idx},
};

TEST(FileFaults, NoMemoryToSave) {
  for (const Format& format : kFormats) {
    auto make = [&] {
      auto f = std::make_unique<Folder>();
      format.save(f->at(format.file), 1);
      return f;
    };
    const std::string name = std::string("save ") + format.name;
    sweep(
        name.c_str(), make, [](const auto& f) { return f->bytes(); },
        [&](const auto& f) {
          format.save(f->at(format.file), 2);
          return std::vector<Tensor>();
        });
  }
}

TEST(FileFaults, NoMemoryToLoad) {
  for (const Format& format : kFormats) {
    Folder f;
    const std::string path = f.at(format.file), name = std::string("load ") + format.name;
    format.save(path, 1);
    sweep(
        name.c_str(), [] { return 0; }, [&](int) { return f.bytes(); }, [&](int) { return format.load(path); });
  }
  for (const Reader& reader : kReaders) {
    Folder f;
    const std::string path = reader.write(f), name = std::string("load ") + reader.name;
    sweep(
        name.c_str(), [] { return 0; }, [&](int) { return f.bytes(); }, [&](int) { return reader.load(path); });
  }
}

// A tree is filled whole or not at all.
TEST(FileFaults, NoMemoryToFillATree) {
  Folder f;
  const std::string path = f.at("m.safetensors");
  io::save(path, model(1));
  auto bits = [](const Model& m) { return expect::tree_bits(m) + std::to_string(m.epoch); };
  sweep(
      "load a tree", [] { return model(2); }, bits,
      [&](Model& m) {
        io::load(path, m);
        return std::vector<Tensor>();
      });
  const io::Checkpoint checkpoint{f.at("states")};
  checkpoint.save(1, model(1));
  sweep(
      "restore a checkpoint", [] { return model(2); }, bits,
      [&](Model& m) {
        checkpoint.restore(m);
        return std::vector<Tensor>();
      });
}

// Batches that another thread copies ahead.
TEST(FileFaults, NoMemoryForBatches) {
  const Tensor x = expect::numbers({7, 2}), y = tensor({1, 2, 3, 4, 5, 6, 7});
  for (int64_t ahead : {0, 2})
    sweep(
        ahead != 0 ? "batches ahead" : "batches", [] { return 0; }, [&](int) { return expect::bits(x); },
        [&](int) {
          std::vector<Tensor> all;
          const Key key(3);
          for (auto [a, b] : data::Batches(x, y, 3, &key, {.prefetch = ahead})) all.push_back(a), all.push_back(b);
          return all;
        });
}

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// The message of the Error that f throws while calls of a kind fail from k on; "" when it throws none.
template <class E, class F>
std::string message_under(Kind kind, int64_t k, bool onwards, F&& f) {
  std::string message;
  faults::arm(kind, k, onwards);
  try {
    f();
  } catch (const E& error) {
    faults::disarm();
    message = error.what();
    const size_t line = message.rfind(" [");
    message.resize(std::min(line, message.size()));
    EXPECT_FALSE(message.empty());
  }
  faults::disarm();
  return message;
}

TEST(FileFaults, EveryStepOfASave) {
  struct Step {
    Kind kind;
    const char* message;
  };
  const Step steps[] = {
      {Kind::open, "cannot be written: Too many open files"},
      {Kind::write, "cannot be written: No space left on device; the old file, if any, is untouched"},
      {Kind::flush,
       "cannot be flushed to the disk: No space left on device; the old file, if any, is "
       "untouched"},
      {Kind::close, "cannot be closed: No space left on device; the old file, if any, is untouched"},
      {Kind::rename, "cannot be put in place: Permission denied; the old file, if any, is untouched"}};
  for (const Format& format : kFormats) {
    for (const Step& step : steps) {
      int failures = 0;
      for (bool onwards : {false, true})
        for (int64_t k = 0;; ++k) {
          Folder f;
          const std::string path = f.at(format.file);
          format.save(path, 1);
          const std::string old = f.bytes();
          const std::ptrdiff_t handles = open_files();
          const std::string message = message_under<Error>(step.kind, k, onwards, [&] { format.save(path, 2); });
          if (!faults::struck()) break;
          EXPECT_EQ(open_files(), handles);
          if (!message.empty()) {
            ++failures;
            EXPECT_EQ(message, "save: " + path + ": " + step.message) << format.name;
            EXPECT_EQ(f.bytes(), old) << format.name << ": " << message;
          } else {
            // Only what comes after the new file is in place may fail unseen: its folder is flushed.
            EXPECT_NE(f.bytes(), old) << format.name;
            EXPECT_TRUE(step.kind == Kind::open || step.kind == Kind::flush || step.kind == Kind::close);
          }
          format.save(path, 3);
          Folder other;
          format.save(other.at(format.file), 3);
          EXPECT_EQ(f.bytes(), other.bytes()) << format.name;
        }
      EXPECT_GE(failures, 2) << format.name << ": " << step.message;
    }
    for (Kind kind : {Kind::few_bytes, Kind::interrupt}) {
      Folder f, other;
      format.save(other.at(format.file), 1);
      EXPECT_EQ(message_under<Error>(kind, 0, kind == Kind::few_bytes, [&] { format.save(f.at(format.file), 1); }), "");
      EXPECT_TRUE(faults::struck());
      EXPECT_EQ(f.bytes(), other.bytes()) << format.name;
    }
  }
}

std::string without_digits(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

/// Loads with each of its reads failing. The path that messages name is one of a folder's files for IDX.
void every_read(const char* name, const std::string& where, const std::string& end, const auto& load) {
  const std::string right = expect::tree_bits(load());
  struct Step {
    Kind kind;
    const char* message;
  };
  for (const Step& step :
       {Step{Kind::open, "cannot be opened: Too many open files"},
        Step{Kind::read, "cannot be read: Input/output error"}, Step{Kind::short_read, "cut at byte "}}) {
    for (bool onwards : {false, true})
      for (int64_t k = 0;; ++k) {
        const std::ptrdiff_t handles = open_files();
        const int64_t tensors = memory_stats().live_bytes;
        const std::string message = message_under<ParseError>(step.kind, k, onwards, load);
        if (!faults::struck()) {
          EXPECT_GT(k, 0) << name << ": " << step.message;
          break;
        }
        const bool in_folder = without_digits(message).find("-ubyte: ") != std::string::npos;
        const size_t at = in_folder ? message.find("-ubyte: ") + 8 : where.size();
        EXPECT_EQ(message.substr(0, in_folder ? where.size() - 2 : where.size()),
                  in_folder ? where.substr(0, where.size() - 2) : where)
            << name;
        const std::string rest = message.substr(std::min(at, message.size()));
        EXPECT_EQ(step.kind == Kind::short_read ? without_digits(rest) : rest, step.message + end) << name;
        EXPECT_EQ(open_files(), handles);
        EXPECT_EQ(memory_stats().live_bytes, tensors);
      }
  }
  for (Kind kind : {Kind::few_bytes, Kind::interrupt}) {
    faults::arm(kind, 0, kind == Kind::few_bytes);
    const std::string bits = expect::tree_bits(load());
    faults::disarm();
    EXPECT_TRUE(faults::struck());
    EXPECT_EQ(bits, right) << name;
  }
  EXPECT_EQ(expect::tree_bits(load()), right);
}

TEST(FileFaults, EveryReadOfALoad) {
  for (const Format& format : kFormats) {
    Folder f;
    const std::string path = f.at(format.file);
    format.save(path, 1);
    every_read(format.name, format.load_where + path + ": ", format.load_end, [&] { return format.load(path); });
  }
  for (const Reader& reader : kReaders) {
    Folder f;
    const std::string path = reader.write(f), name = reader.name;
    const std::string where = name == "packed npz" ? "load: " : name == "csv" ? "load_csv: " : "load_idx: ";
    every_read(reader.name, where + path + ": ", "", [&] { return reader.load(path); });
  }
}

// zlib has an allocator of its own.
TEST(FileFaults, NoMemoryToUnpack) {
  Folder f;
  write_file(f.at("d.npz"), file_bytes(fixture("deflated.npz")));
  std::string message = message_under<OutOfMemory>(Kind::inflate, 0, false, [&] { io::load_npz(f.at("d.npz")); });
  EXPECT_EQ(message.substr(0, message.find(": member")), "load: " + f.at("d.npz"));
  EXPECT_TRUE(message.ends_with(": no memory to unpack it")) << message;
  Folder g;
  const std::string folder = idx_folder(g, true);
  message = message_under<OutOfMemory>(Kind::inflate, 0, false, [&] { data::load_idx(folder); });
  EXPECT_EQ(message, "load_idx: " + folder + "/train-images-idx3-ubyte: no memory to unpack it");
}

// A name that is a device or a pipe is not replaced by a file: /dev/null stays what it is.
TEST(FileFaults, WhatIsNoFileIsNotReplaced) {
  Folder f;
  const std::string pipe = f.at("pipe.npy");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string device = f.at("null.npy");  // a link, so that a failure of this test costs no device
  std::filesystem::create_symlink("/dev/null", device);
  for (const std::string& path : {pipe, device}) {
    EXPECT_EQ(error_of<Error>([&] { io::save_npy(path, tensor({1})); }),
              "save: " + path + ": cannot be written: it is there and is no regular file");
    EXPECT_EQ(error_of<Error>([&] {
                io::save_npz(path, {{"a", tensor({1})}});
              }),
              "save: " + path + ": cannot be written: it is there and is no regular file");
    EXPECT_EQ(error_of<Error>([&] {
                io::save_safetensors(path, {{"a", tensor({1})}});
              }),
              "save: " + path + ": cannot be written: it is there and is no regular file");
    EXPECT_FALSE(std::filesystem::is_regular_file(path));
  }
  EXPECT_EQ(f.folder.files(), 2);
  EXPECT_EQ(error_of<ParseError>([&] { io::load_npy(pipe); }), "load: " + pipe + ": not a regular file");
  EXPECT_EQ(error_of<ParseError>([&] { data::load_csv(pipe); }), "load_csv: " + pipe + ": not a regular file");
}

TEST(FileFaults, AFolderThatTakesNoFiles) {
  // sysfs refuses new files to everybody; a folder without the right to write only to those who are not root.
  const std::string path = "/sys/kernel/t.npy";
  const std::string message = error_of<Error>([&] { io::save_npy(path, tensor({1})); });
  EXPECT_TRUE(message == "save: " + path + ": cannot be written: Permission denied" ||
              message == "save: " + path + ": cannot be written: Operation not permitted" ||
              message == "save: " + path + ": cannot be written: Read-only file system")
      << message;
  if (::geteuid() == 0) return;
  Folder f;
  io::save_npy(f.at("t.npy"), tensor({1}));
  ASSERT_EQ(::chmod(f.folder.path().c_str(), 0500), 0);
  EXPECT_EQ(error_of<Error>([&] { io::save_npy(f.at("t.npy"), tensor({2})); }),
            "save: " + f.at("t.npy") + ": cannot be written: Permission denied");
  ::chmod(f.folder.path().c_str(), 0700);
  EXPECT_EQ(io::load_npy(f.at("t.npy")).to_vector<int32_t>(), (std::vector<int32_t>{1}));
}

}  // namespace
}  // namespace duet
