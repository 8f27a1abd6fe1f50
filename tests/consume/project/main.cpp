// consumer FOLDER: trains in all modes, reads a packed data set from FOLDER, saves and loads there.
#include <duet/duet.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "model.h"

namespace {

std::vector<float> weights_after(duet::Tensor (*step)(Model&, const duet::Tensor&, const duet::Tensor&)) {
  auto [k1, k2, k3] = duet::split<3>(duet::Key(7));
  Model m{duet::nn::Linear::init(6, 5, k1), duet::nn::Linear::init(5, 3, k2)};
  duet::Tensor x = duet::uniform(k3, {4, 6}), y = duet::tensor({0, 1, 2, 1});
  for (int i = 0; i < 3; ++i) step(m, x, y);
  std::vector<float> all;
  duet::for_each_leaf(m, [&](const duet::Tensor& t) {
    for (float v : t.to_vector()) all.push_back(v);
  });
  return all;
}

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const duet::Error& e) {
    return e.what();
  }
  return "ok";
}

}  // namespace

int main(int, char** argv) {
  auto eager = weights_after([](Model& m, const duet::Tensor& x, const duet::Tensor& y) { return train(m, x, y, 0.125f); });
  auto compiled = weights_after(train_elsewhere);
  auto frozen = weights_after([](Model& m, const duet::Tensor& x, const duet::Tensor& y) {
    static auto step = duet::freeze(train);
    return step(m, x, y, 0.125f);
  });
  const size_t bytes = eager.size() * sizeof(float);
  const bool equal = eager.size() == 53 && std::memcmp(eager.data(), compiled.data(), bytes) == 0 &&
                     std::memcmp(eager.data(), frozen.data(), bytes) == 0;
  std::printf("bits: %s\n", equal ? "equal" : "different");

  const std::string folder = argv[1];
  std::printf("gz: %s\n", message_of([&] { duet::data::load_idx(folder); }).c_str());
  Model m{duet::nn::Linear::init(2, 2, duet::Key(1)), duet::nn::Linear::init(2, 2, duet::Key(2))};
  std::printf("save: %s\n", message_of([&] { duet::io::save(folder + "/m.safetensors", m); }).c_str());
  std::printf("load: %s\n", message_of([&] { duet::io::load(folder + "/m.safetensors", m); }).c_str());
  // .npz needs neither zlib nor nlohmann-json while nothing is compressed.
  std::printf("npz: %s\n", message_of([&] {
                duet::io::save(folder + "/m.npz", m);
                duet::io::load(folder + "/m.npz", m);
              }).c_str());
  std::printf("packed: %s\n", message_of([&] { duet::io::load_npz(folder + "/packed.npz"); }).c_str());
}
