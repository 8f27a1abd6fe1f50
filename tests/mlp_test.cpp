// Runs examples/04_mlp as a user does.
#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "files.h"

using namespace duet;
using nlohmann::json;

namespace {

struct Ran {
  int status;
  std::string out, err;
};

class Mlp : public testing::Test {
 protected:
  Ran run(const std::string& arguments, const std::string& environment = "") const {
    const std::string out = folder_ / "out", err = folder_ / "err";
    const int status =
        std::system((environment + " '" DUET_MLP "' " + arguments + " >'" + out + "' 2>'" + err + "'").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, file_bytes(out), file_bytes(err)};
  }
  /// The report of a run that must succeed.
  json report(const std::string& arguments, const std::string& environment = "") const {
    const std::string path = folder_ / "report.json";
    const Ran r = run(arguments + " --json '" + path + "'", environment);
    EXPECT_EQ(r.status, 0) << arguments << "\n" << r.out << r.err;
    EXPECT_EQ(r.err, "");
    return json::parse(file_bytes(path));
  }
  std::string hash(const std::string& arguments, const std::string& environment = "") const {
    return report(arguments, environment)["modes"][0]["weights_hash"];
  }
  /// The one line that a run with an error prints.
  std::string error(const std::string& arguments) const {
    const Ran r = run(arguments);
    EXPECT_NE(r.status, 0) << arguments;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
    // Without the place in the program.
    const size_t at = r.err.rfind(" [04_mlp.cpp:"), end = at != r.err.npos ? at : r.err.rfind(" [mlp_report.h:");
    return end != r.err.npos ? r.err.substr(0, end) : r.err.substr(0, r.err.size() - 1);
  }
  /// A folder with the digits, where one file can be spoilt.
  std::string digits(const std::string& file, const std::string& bytes) const {
    const std::string path = folder_ / "digits";
    std::filesystem::remove_all(path);
    std::filesystem::copy(DUET_SOURCE_DIR "/examples/data/digits", path);
    write_file(path + "/" + file, bytes);
    return path;
  }
  static std::string bytes_of(const std::string& file) {
    return file_bytes(DUET_SOURCE_DIR "/examples/data/digits/" + file);
  }

  TempFolder folder_;
};

std::vector<std::string> keys(const json& object) {
  std::vector<std::string> all;
  for (const auto& [key, value] : object.items()) all.push_back(key);
  return all;  // in alphabetical order
}

TEST_F(Mlp, WritesItsMeasurements) {
  const json r = report("--epochs 2");
  EXPECT_EQ(keys(r), (std::vector<std::string>{"bits_equal", "env", "modes", "schema"}));
  EXPECT_EQ(r["schema"], 1);
  EXPECT_EQ(r["bits_equal"], true);
  EXPECT_EQ(keys(r["env"]), (std::vector<std::string>{"commit", "compiler", "cpu", "isa", "threads"}));
  EXPECT_GE(r["env"]["threads"].get<int>(), 1);
  ASSERT_EQ(r["modes"].size(), 3u);
  const std::vector<std::string> names{"eager", "compiled", "frozen"};
  for (size_t i = 0; i < 3; ++i) {
    const json& m = r["modes"][i];
    EXPECT_EQ(m["mode"], names[i]);
    EXPECT_EQ(keys(m), (std::vector<std::string>{"accuracy", "allocations_per_step", "arena_bytes", "bytes_per_step",
                                                 "final_loss", "first_call_ms", "kernels_per_step", "lower_bound_bytes",
                                                 "mode", "peak_bytes", "step_us", "weights_hash"}));
    EXPECT_EQ(keys(m["step_us"]), (std::vector<std::string>{"median", "min", "n", "p95"}));
    EXPECT_EQ(m["step_us"]["n"], 2 * 45 - 1);
    EXPECT_GT(m["step_us"]["min"].get<double>(), 0);
    EXPECT_GT(m["accuracy"].get<double>(), 0.5);
    EXPECT_GT(m["final_loss"].get<double>(), 0);
    EXPECT_EQ(m["accuracy"], r["modes"][0]["accuracy"]);
    EXPECT_EQ(m["final_loss"], r["modes"][0]["final_loss"]);
    EXPECT_EQ(m["weights_hash"], r["modes"][0]["weights_hash"]);
    EXPECT_EQ(m["weights_hash"].get<std::string>().size(), 16u);
    EXPECT_GE(m["arena_bytes"], m["lower_bound_bytes"]);
    EXPECT_EQ(m["lower_bound_bytes"].get<int64_t>() > 0, i > 0);
  }
  for (size_t i : {size_t{1}, size_t{2}})
    for (const char* less : {"kernels_per_step", "bytes_per_step", "allocations_per_step", "peak_bytes"})
      EXPECT_LT(r["modes"][i][less], r["modes"][0][less]) << names[i] << " " << less;
}

TEST_F(Mlp, PrintsARowALifeAndTheVerdict) {
  const Ran r = run("--epochs 1 --ablate");
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.err, "");  // no progress bar in a pipe
  for (const char* part :
       {"\neager ", "\ncompiled ", "\nfrozen ", "accuracy", "first call ms", "\nweights bit-equal: yes (",
        "\nbatch 1: eager ", "\nbatch 1024: eager ", "\nall passes ", "\nwithout fuse ", "\nwithout plan_memory "})
    EXPECT_NE(r.out.find(part), std::string::npos) << part << "\n" << r.out;
  EXPECT_EQ(r.out.find("DIFFER"), std::string::npos);
}

TEST_F(Mlp, WeightsDependOnTheRecipeAlone) {
  const std::string recipe = "--epochs 2 --hidden 24,16 --batch 50 ",
                    expected = hash(recipe + "--mode eager --threads 1");
  for (const char* how : {"--mode eager --threads 2", "--mode compiled --threads 1", "--mode compiled --threads 2",
                          "--mode frozen --threads 2"})
    EXPECT_EQ(hash(recipe + how), expected) << how;
  EXPECT_EQ(hash(recipe + "--mode frozen", "DUET_PASSES=-fuse"), expected);
  EXPECT_EQ(hash(recipe + "--mode compiled", "DUET_COMPILE=0"), expected);
#if defined(__x86_64__)
  EXPECT_EQ(hash(recipe + "--mode compiled", "DUET_ISA=v3"), expected);
#endif
  for (const char* other : {"--seed 2", "--lr 0.01", "--schedule constant", "--optimizer sgd", "--epochs 3"})
    EXPECT_NE(hash("--mode frozen --hidden 24,16 --batch 50 " +
                   (std::string(other) == "--epochs 3" ? "" : std::string("--epochs 2 ")) + other),
              expected)
        << other;
}

TEST_F(Mlp, SgdIsTheSameInAllLives) {
  EXPECT_EQ(report("--optimizer sgd --lr 0.1 --epochs 2 --schedule constant")["bits_equal"], true);
}

TEST_F(Mlp, SavedWeightsComeBack) {
  const std::string path = folder_ / "weights.safetensors";
  const json trained = report("--mode frozen --epochs 2 --save '" + path + "'")["modes"][0];
  for (const char* mode : {"eager", "compiled"}) {
    const json loaded = report("--epochs 0 --load '" + path + "' --mode " + mode)["modes"][0];
    EXPECT_EQ(loaded["accuracy"], trained["accuracy"]);
    EXPECT_EQ(loaded["weights_hash"], trained["weights_hash"]);
  }
  const std::string load = "--epochs 0 --load '" + path + "'";
  EXPECT_EQ(error(load + " --hidden 64"),
            "load: " + path + ": tensor 'layers.0.weight' is f32[64,128] in the file, f32[64,64] in the tree");
  std::string bytes = file_bytes(path);
  write_file(path, bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(error(load).find("load: " + path + ": "), 0u) << error(load);
  bytes[3] = '\x7f';
  write_file(path, bytes);
  EXPECT_EQ(error(load).find("load: " + path + ": "), 0u) << error(load);
}

TEST_F(Mlp, WrongOptionsAreOneLine) {
  EXPECT_EQ(error("--mode lazy"), "04_mlp: --mode: lazy not in {eager,compiled,frozen,duel}");
  EXPECT_EQ(error("--optimizer adamw"), "04_mlp: --optimizer: adamw not in {adam,sgd}");
  EXPECT_EQ(error("--schedule linear"), "04_mlp: --schedule: linear not in {constant,cosine}");
  EXPECT_EQ(error("--hidden 128,0"), "04_mlp: --hidden: Value 0 not in range 1 to 1048576");
  EXPECT_EQ(error("--batch 0"), "04_mlp: --batch: Value 0 not in range 1 to 1073741824");
  EXPECT_EQ(error("--epochs -1"), "04_mlp: --epochs: Value -1 not in range 0 to 1073741824");
  EXPECT_EQ(error("--epochs many"), "04_mlp: --epochs: Value many not in range 0 to 1073741824");
  for (const char* rate : {"0", "-1", "nan", "inf", "x"})
    EXPECT_EQ(error(std::string("--lr ") + rate),
              "04_mlp: --lr: " + std::string(rate) + " is no learning rate; give a number above 0");
  EXPECT_EQ(error("--nonsense"), "04_mlp: The following argument was not expected: --nonsense");
  EXPECT_EQ(error("--seed"), "04_mlp: --seed: 1 required UINT missing");
  EXPECT_EQ(error("--save weights.bin"), "04_mlp: --save: weights.bin does not end in .safetensors");
  EXPECT_EQ(error("--save /nowhere/w.safetensors"), "04_mlp: --save: there is no folder /nowhere");
  EXPECT_EQ(error("--json '" + folder_.path() + "'"), "04_mlp: --json: " + folder_.path() + " is a folder");
  EXPECT_EQ(error("--load /nowhere/w.safetensors"), "04_mlp: --load: File does not exist: /nowhere/w.safetensors");
  const Ran help = run("--help");
  EXPECT_EQ(help.status, 0);
  for (const char* option : {"--data", "--mode", "--hidden", "--epochs", "--batch", "--optimizer", "--lr", "--schedule",
                             "--seed", "--threads", "--device", "--save", "--load", "--json", "--ablate"})
    EXPECT_NE(help.out.find(option), std::string::npos) << option;
}

TEST_F(Mlp, BadDataAreOneLine) {
  EXPECT_EQ(error("--data /nowhere"), "load_idx: /nowhere: no such folder");
  EXPECT_EQ(error("--data '" + folder_.path() + "'"),
            "load_idx: " + folder_.path() + ": there is no train-images-idx3-ubyte[.gz] in this folder");
  std::string images = bytes_of("train-images-idx3-ubyte"), labels = bytes_of("t10k-labels-idx1-ubyte");
  std::string where = digits("train-images-idx3-ubyte", images.substr(0, 5000));
  EXPECT_EQ(error("--data '" + where + "'"),
            "load_idx: " + where + "/train-images-idx3-ubyte: cut: 91984 bytes announced, 5000 there");
  images[2] = 9;
  where = digits("train-images-idx3-ubyte", images);
  EXPECT_EQ(error("--data '" + where + "'"),
            "load_idx: " + where +
                "/train-images-idx3-ubyte: not an IDX file of unsigned bytes with 3 axes: magic number "
                "0x00000903, not 0x00000803");
  labels[100] = 10;
  where = digits("t10k-labels-idx1-ubyte", labels);
  EXPECT_EQ(error("--data '" + where + "'"), "04_mlp: " + where + ": a label is out of range: 10 of 0 to 9");
}

}  // namespace
