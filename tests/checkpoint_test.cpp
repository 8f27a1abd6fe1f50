#include "duet/io/checkpoint.h"

#include <fmt/format.h>

#include <sys/syscall.h>

#include <cmath>

#include "duet/optim/adam.h"
#include "duet/random.h"
#include "saved_model.h"

using namespace duet;

namespace {
// What was flushed to the disk, by the paths that the kernel knows.
std::vector<std::string> flushed;
}  // namespace

// In place of the C library's.
extern "C" int fsync(int fd) {
  std::error_code ignored;
  flushed.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored).string());
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace {

enum class Phase : int16_t { warm_up, train = -7 };
struct State {
  Layer model;
  optim::AdamW adamw;
  Key key = Key(1);
  int64_t epoch = 0;
  Phase phase = Phase::warm_up;
  bool done = false;
  uint64_t seen = 0;
  int8_t small = 0;
  double best = 0;
  std::vector<float> losses = {};
  std::string note = {};
};
State state(float first) {
  State s{model(first).hidden, {}, Key(static_cast<uint64_t>(first))};
  s.adamw = optim::AdamW::init(s.model, {.weight_decay = first / 16}, [](std::string_view n) { return n != "bias"; });
  s.epoch = static_cast<int64_t>(first) - (int64_t{1} << 60);
  s.phase = Phase::train;
  s.done = true;
  s.seen = UINT64_MAX;
  s.small = -5;
  s.best = 0.1 * static_cast<double>(first);
  s.losses = {0.1f, -INFINITY, 1e-45f, std::nanf("")};
  s.note = "naïve \"text\"\n" + std::to_string(first);
  return s;
}
// Everything of a state, as text.
std::string text(State& s) {
  std::string all = fmt::format("{} {} {} {} {} {} {} {}", s.epoch, static_cast<int>(s.phase), s.done, s.seen,
                                int{s.small}, s.best, s.note, s.adamw.weight_decay);
  for (float x : s.losses) all += fmt::format(" {}", x);
  for (uint8_t d : s.adamw.decays) all += fmt::format(" {}", int{d});
  for_each_leaf(s, [&](Tensor& t) {
    for (double x : t.to(f64).to_vector<double>()) all += fmt::format(" {}", x);
  });
  return all;
}

TEST(Checkpoint, KeepsTensorsAndPlainValues) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder / "a/b"};
  State s = state(1), fresh = state(2);
  const std::string before = text(fresh);
  EXPECT_EQ(checkpoint.restore(fresh), std::nullopt);
  EXPECT_EQ(text(fresh), before);
  EXPECT_TRUE(checkpoint.steps().empty());

  checkpoint.save(0, s);
  EXPECT_EQ(checkpoint.restore(fresh), 0);
  EXPECT_EQ(text(fresh), text(s));
  EXPECT_EQ(checkpoint.path(0), folder / "a/b/step-000000000.safetensors");
  // It is a .safetensors file like others.
  EXPECT_EQ(names(checkpoint.path(0)).size(), 8u);
  EXPECT_EQ(names(checkpoint.path(0))[0], "model.weight");
}

// A folder that was made is a name in another one, which must be on the disk as well.
TEST(Checkpoint, FlushesTheParentsOfNewFolders) {
  TempFolder folder;
  for (const char* name : {"a/b/c", "d/e/f//"}) {
    flushed.clear();
    io::Checkpoint{folder / name}.save(1, model(1));
    const std::string parent = folder.path() + "/" + name[0], inner = parent + "/" + name[2];
    for (const std::string& each : {folder.path(), parent, inner, inner + "/" + name[4]})
      EXPECT_EQ(std::count(flushed.begin(), flushed.end(), each), 1) << each;
  }
  flushed.clear();
  io::Checkpoint{folder / "a/b/c"}.save(2, model(1));
  EXPECT_EQ(flushed.size(), 2u);  // the file and its folder
}

struct Fixed {
  Tensor a;
  const int64_t width = 3;
  const std::string kind = "mlp";
  const float scale = 0.1f;
  int64_t epoch = 0;
};

TEST(Checkpoint, ConstMembersAreCompared) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder.path()};
  checkpoint.save(1, Fixed{ones({2}), 3, "mlp", 0.1f, 5});
  Fixed same{zeros({2})};
  checkpoint.restore(same);
  EXPECT_EQ(same.epoch, 5);
  EXPECT_EQ(same.a.to_vector(), (std::vector<float>{1, 1}));
  auto refuses = [&](Fixed&& tree, const std::string& what) {
    const int64_t width = tree.width;
    EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(tree); }),
              "restore: " + checkpoint.path(1) + ": the tree's " + what + "; make it no const, or this value");
    EXPECT_EQ(tree.width, width);
    EXPECT_EQ(tree.epoch, 0);
    EXPECT_EQ(tree.a.to_vector(), (std::vector<float>{0, 0}));
  };
  refuses(Fixed{zeros({2}), 4}, "'width' is const and '4', '3' in the file");
  refuses(Fixed{zeros({2}), 3, "cnn"}, "'kind' is const and 'cnn', 'mlp' in the file");
  refuses(Fixed{zeros({2}), 3, "mlp", 0.5f}, "'scale' is const and '0.5', '0.1' in the file");
}

// Only what a save of this folder can have left is deleted.
TEST(Checkpoint, KeepsFilesOfTheUser) {
  TempFolder folder;
  const char* kept[] = {"step-notes.safetensors.my.tmp",    "step-000000001.safetensors.my.tmp",
                        "step-1.safetensors.1.0.tmp",       "step-000000001.safetensors.tmp",
                        "step-000000001.safetensors.1.tmp", "step-000000001.safetensors.1.0.tmp.tmp",
                        "step-000000001.safetensors..0.tmp"};
  for (const char* name : kept) write_file(folder / name, "mine");
  write_file(folder / "step-000000001.safetensors.4711.12.tmp", "a killed save's");
  io::Checkpoint{folder.path()}.save(1, model(1));
  for (const char* name : kept) EXPECT_EQ(file_bytes(folder / name), "mine") << name;
  EXPECT_EQ(folder.files(), static_cast<std::ptrdiff_t>(std::size(kept)) + 1);
}

TEST(Checkpoint, KeepsTheLatest) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder.path(), 2};
  write_file(folder / "step-000000009.safetensors.1.0.tmp", "what a killed save left");
  write_file(folder / "step-x.safetensors", "not ours");
  for (int64_t step : {2, 5, 5, 11, 1'234'567'890}) {
    State s = state(static_cast<float>(step % 7));
    checkpoint.save(step, s);
  }
  EXPECT_EQ(checkpoint.steps(), (std::vector<int64_t>{11, 1'234'567'890}));
  EXPECT_EQ(folder.files(), 3);
  State s = state(9), other = state(4);
  checkpoint.restore(s, 11);
  EXPECT_EQ(text(s), text(other));

  const std::string at = "save: " + folder.path() + ": ";
  EXPECT_EQ(error_of<Error>([&] { checkpoint.save(12, s); }),
            at + "step 12 comes after step 1234567890, which is there already; delete the later files to train on from "
                 "an earlier step");
  EXPECT_EQ(error_of<Error>([&] { checkpoint.save(-1, s); }), at + "a step is negative: -1");
  EXPECT_EQ(error_of<Error>([&] {
              io::Checkpoint{folder.path(), 0}.save(1, s);
            }),
            at + "at least one state must be kept: 0");
  State empty = state(1);
  empty.model.bias = Tensor();
  EXPECT_EQ(
      error_of<Error>([&] { checkpoint.save(1'234'567'891, empty); }),
      "save: " + checkpoint.path(1'234'567'891) + ": tensor 'model.bias' is empty: default-constructed or moved from");
  EXPECT_EQ(folder.files(), 3);
  const std::string file = folder / "step-x.safetensors";
  EXPECT_EQ(error_of<Error>([&] { io::Checkpoint{file}.save(1, s); }),
            "save: " + file + ": the folder cannot be made: Not a directory");
  EXPECT_EQ(error_of<Error>([&] { io::Checkpoint{file}.restore(s); }),
            "restore: " + file + ": the folder cannot be read: Not a directory");
  EXPECT_EQ(error_of<Error>([&] { io::Checkpoint{file}.steps(); }),
            "steps: " + file + ": the folder cannot be read: Not a directory");
}

TEST(Checkpoint, ADamagedStateIsNamedAndNothingIsSkipped) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder.path()};
  State s = state(1), good = state(3);
  checkpoint.save(10, good);
  checkpoint.save(20, state(5));
  const std::string path = checkpoint.path(20), at = "restore: " + path + ": ", whole = file_bytes(path);
  const std::string untouched = text(s);
  // No byte can change unseen.
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string bad = whole;
    bad[i] = static_cast<char>(bad[i] ^ (1 << i % 8));
    write_file(path, bad);
    EXPECT_THROW(checkpoint.restore(s), ParseError) << i;
  }
  for (size_t n : {size_t{0}, size_t{4}, size_t{100}, whole.size() - 1}) {
    write_file(path, whole.substr(0, n));
    EXPECT_THROW(checkpoint.restore(s), ParseError);
  }
  std::string bad = whole;
  bad[whole.size() - 2] ^= 1;
  write_file(path, bad);
  const std::string damaged = at + "damaged: its checksum is not that of its contents";
  EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(s); }),
            damaged + "; step 10 is the one before: restore(tree, 10)");
  EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(s, 20); }), damaged);
  EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(s, 15); }),
            "restore: " + checkpoint.path(15) + ": no such file");
  EXPECT_EQ(text(s), untouched);
  checkpoint.restore(s, 10);
  EXPECT_EQ(text(s), text(good));

  std::filesystem::remove(checkpoint.path(10));
  EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(s); }), damaged + "; there is no earlier one");
  io::save(path, s);
  EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(s, 20); }),
            at + "no checkpoint, or damaged: it has no checksum");
}

TEST(Checkpoint, ASaveThatFailsHalfWayLeavesTheOldFile) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder / "states"};
  checkpoint.save(1, model(1));
  const std::string state = checkpoint.path(1), old_state = file_bytes(state);
  Model big = model(2);
  big.mean.value = zeros({1000});
  for (const char* file : {"m.safetensors", "m.npz"}) {
    const std::string path = folder / file;
    io::save(path, model(1));
    const std::string old = file_bytes(path);
    ASSERT_LT(old.size(), 4000u);
    std::string message;
    with_file_limit(4000, [&] { message = error_of<Error>([&] { io::save(path, big); }); });
    EXPECT_EQ(message, "save: " + path + ": cannot be written: File too large; the old file, if any, is untouched");
    EXPECT_EQ(file_bytes(path), old);
  }
  EXPECT_EQ(folder.files(), 3);
  for (int64_t step : {1, 2}) {
    std::string message;
    with_file_limit(4000, [&] { message = error_of<Error>([&] { checkpoint.save(step, big); }); });
    EXPECT_EQ(message, "save: " + checkpoint.path(step) +
                           ": cannot be written: File too large; the old file, if any, is untouched");
  }
  EXPECT_EQ(checkpoint.steps(), (std::vector<int64_t>{1}));
  EXPECT_EQ(file_bytes(state), old_state);
}

TEST(Checkpoint, SurvivesEveryCutAndFlippedBit) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder.path()};
  checkpoint.save(1, state(1));
  State s = state(2);
  const std::string path = checkpoint.path(1), whole = file_bytes(path), untouched = text(s);
  const size_t header = whole.rfind('}') + 1;
  abuse(path, whole, header, 1, [&] {
    State loaded = s;
    checkpoint.restore(loaded);
    if (file_bytes(path) != whole) ADD_FAILURE() << "a damaged state was restored";
  });
  EXPECT_EQ(text(s), untouched);
}

struct Wide {
  Tensor a;
  int64_t epoch;
  int flag;
};
struct Narrow {
  Tensor a;
  int32_t epoch;
  int flag;
};
struct Flag {
  Tensor a;
  int64_t epoch;
  bool flag;
};
struct Short {
  Tensor a;
  int64_t epoch;
};
struct Longer {
  Tensor a;
  int64_t epoch;
  int flag, more;
};

TEST(Checkpoint, AStateThatDoesNotFitChangesNothing) {
  TempFolder folder;
  const io::Checkpoint checkpoint{folder.path()};
  checkpoint.save(1, Wide{ones({2}), int64_t{1} << 40, 2});
  const std::string at = "restore: " + checkpoint.path(1) + ": ";
  auto refuses = [&](auto tree, const std::string& message) {
    const Tensor before = tree.a;
    EXPECT_EQ(error_of<ParseError>([&] { checkpoint.restore(tree); }), at + message);
    EXPECT_EQ(tree.a.id(), before.id());
  };
  refuses(Narrow{zeros({2}), 5, 1}, "'1099511627776' does not fit the tree's 'epoch'");
  refuses(Flag{zeros({2}), 5, true}, "'2' does not fit the tree's 'flag'");
  refuses(Short{zeros({2}), 5}, "the tree has no value 'flag'");
  refuses(Longer{zeros({2}), 5, 1, 7}, "the file has no value 'more'");
  refuses(Wide{zeros({3}), 5, 1}, "tensor 'a' is f32[2] in the file, f32[3] in the tree");
}

}  // namespace
