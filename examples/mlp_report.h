// What surrounds the training in 04_mlp: the command line and the JSON report.
#pragma once

#include <fmt/format.h>

#include <duet/duet.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

/// What decides the weights; the demo's promise of an accuracy holds for the defaults.
struct Recipe {
  std::string data = DUET_DIGITS, optimizer = "adam", schedule = "cosine", load;
  std::vector<int64_t> hidden = {128, 64};
  int64_t epochs = 30, batch = 32;
  uint64_t seed = 1;
  float lr = 3e-3f;
  friend bool operator==(const Recipe&, const Recipe&) = default;

  /// The learning rate of a step; cosine: from lr to 0 in half a wave (Loshchilov & Hutter 2017).
  float rate(int64_t step, int64_t steps) const {
    if (schedule == "constant") return lr;
    return lr * 0.5f * (1 + std::cos(3.14159265f * static_cast<float>(step) / static_cast<float>(steps)));
  }
};

struct Options : Recipe {
  std::string mode = "duel", save, json;
  int threads = 0;
  duet::Device device = duet::Device::cpu();
  bool ablate = false;

  const Recipe& recipe() const { return *this; }
  std::vector<int64_t> compared_batches() const {
    return mode == "duel" ? std::vector<int64_t>{1, 1024} : std::vector<int64_t>();
  }
  std::vector<duet::Mode> modes() const {
    using duet::Mode;
    if (mode == "duel") return {Mode::eager, Mode::compiled, Mode::frozen};
    return {mode == "eager" ? Mode::eager : mode == "compiled" ? Mode::compiled : Mode::frozen};
  }
};

/// One trained life, for the report.
struct Trained {
  double accuracy = 0, loss = 0;
  std::string hash;
  duet::LifeReport cost;
};

/// Prints a row a life, and whether the weights are the same.
inline bool print(const std::vector<Trained>& lives) {
  duet::DuelReport report;
  for (const Trained& t : lives) {
    report.lives.push_back(t.cost);
    report.lives.back().more = {{"accuracy", fmt::format("{:.4f}", t.accuracy)},
                                {"loss", fmt::format("{:.5f}", t.loss)}};
    if (t.hash != lives[0].hash) report.lives.back().difference = "weights";
  }
  fmt::print("{}\n\n{}\nweights bit-equal: {} ({})\n", to_string(duet::machine()), report,
             report.bits_equal() ? "yes" : "NO", lives[0].hash);
  return report.bits_equal();
}

constexpr int64_t kClasses = 10;  // of digits, MNIST and Fashion-MNIST

inline duet::data::TrainTest load_digits(const std::string& folder) {
  duet::data::TrainTest digits = duet::data::load_idx(folder);
  const int64_t classes = std::max(digits.train.classes, digits.test.classes);
  duet::check<duet::ParseError>(classes <= kClasses, "04_mlp: {}: a label is out of range: {} of 0 to {}", folder,
                                classes - 1, kClasses - 1);
  return digits;
}

/// All tensors of a tree to a device.
template <class T>
void move_to(T& tree, duet::Device device) {
  duet::for_each_leaf(tree, [&](duet::Tensor& t) {
    if (t.defined()) t = t.to(device);
  });
}

/// Finds out before a long training, not after it, that its results cannot be written.
inline std::string check_writable(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  if (fs::is_directory(path, ignored)) return path + " is a folder";
  if (!fs::is_directory(folder, ignored)) return "there is no folder " + folder.string();
  return ::access(folder.c_str(), W_OK) == 0 ? "" : "cannot write into " + folder.string();
}

inline Options parse_options(int argc, char** argv) {
  Options o;
  CLI::App app("Trains an MLP on digits eagerly, compiled and frozen, and compares the lives.", "04_mlp");
  CLI::Validator writable(check_writable, "");
  CLI::Validator rate(
      [](const std::string& text) {
        const float v = std::strtof(text.c_str(), nullptr);
        return std::isfinite(v) && v > 0 ? "" : text + " is no learning rate; give a number above 0";
      },
      "");
  CLI::Validator weights(
      [](const std::string& path) {
        return path.ends_with(".safetensors") ? "" : path + " does not end in .safetensors";
      },
      "");
  app.add_option("--data", o.data, "folder with IDX files of MNIST's names, plain or .gz");
  app.add_option("--mode", o.mode, "the life to train, or all")
      ->check(CLI::IsMember({"eager", "compiled", "frozen", "duel"}))
      ->capture_default_str();
  app.add_option("--hidden", o.hidden, "widths of the hidden layers")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--epochs", o.epochs, "passes over the training set")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--batch", o.batch, "rows a step")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--optimizer", o.optimizer)->check(CLI::IsMember({"adam", "sgd"}))->capture_default_str();
  app.add_option("--lr", o.lr, "learning rate")->check(rate)->capture_default_str();
  app.add_option("--schedule", o.schedule, "of the learning rate")
      ->check(CLI::IsMember({"constant", "cosine"}))
      ->capture_default_str();
  app.add_option("--seed", o.seed)->capture_default_str();
  app.add_option("--threads", o.threads, "for kernels; 0: every processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  std::string device = "cpu";
  app.add_option("--device", device, "cuda: train there too, eagerly")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--save", o.save, "write the trained weights: .safetensors")->check(weights & writable);
  app.add_option("--load", o.load, "begin with these weights: .safetensors")->check(CLI::ExistingFile);
  app.add_option("--json", o.json, "write the measurements")->check(writable);
  app.add_flag("--ablate", o.ablate, "also run a step without each compiler pass");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    std::exit(0);
  } catch (const CLI::ParseError& error) {
    duet::fail<duet::ParseError>("04_mlp: {}", error.what());
  }
  if (device == "cuda") {
    o.device = duet::Device::cuda();
    const duet::cuda::Info there = duet::cuda::info();
    duet::check<duet::DeviceError>(there.available, "04_mlp: --device cuda: {}", to_string(there));
  }
  return o;
}

inline void write_json(const std::string& path, const std::vector<Trained>& lives, bool bits_equal) {
  const duet::Machine machine = duet::machine();
  nlohmann::ordered_json modes = nlohmann::ordered_json::array();
  for (const Trained& t : lives) {
    const duet::LifeReport& c = t.cost;
    const duet::Times& us = c.call_us;
    modes.push_back({{"mode", c.name},
                     {"accuracy", t.accuracy},
                     {"final_loss", t.loss},
                     {"first_call_ms", c.first.total_ms},
                     {"step_us", {{"min", us.min}, {"median", us.median}, {"p95", us.p95}, {"n", us.n}}},
                     {"kernels_per_step", c.kernels},
                     {"allocations_per_step", c.allocations},
                     {"bytes_per_step", c.bytes},
                     {"peak_bytes", c.peak_bytes},
                     {"arena_bytes", c.arena_bytes},
                     {"lower_bound_bytes", c.lower_bound_bytes},
                     {"weights_hash", t.hash}});
  }
  nlohmann::ordered_json report = {{"schema", 1},
                                   {"env",
                                    {{"cpu", machine.cpu},
                                     {"isa", machine.isa},
                                     {"threads", machine.threads},
                                     {"compiler", machine.compiler},
                                     {"commit", DUET_COMMIT}}},
                                   {"modes", modes},
                                   {"bits_equal", bits_equal}};
  std::ofstream file(path);
  file << report.dump(2) << "\n";
  file.close();
  duet::check<duet::Error>(!file.fail(), "04_mlp: {}: cannot be written", path);
}
