// A model to be saved, and the names that a file of it holds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "duet/io/safetensors.h"
#include "duet/ops/create.h"
#include "duet/tree.h"
#include "files.h"

namespace duet {

struct Layer {
  Tensor weight, bias;
};
struct Model {
  Layer hidden;
  std::vector<Layer> rest;
  Buffer mean;
  std::optional<Tensor> scale;
  int64_t step = 0;
};

inline Model model(float first) {
  auto layer = [&] { return Layer{from_vector<float>({first, 2, 3, 4}, {2, 2}), from_vector<float>({first, 6}, {2})}; };
  return {layer(), {layer(), layer()}, {from_vector<float>({first}, {})}, from_vector<float>({first, 1, 1}, {3}), 7};
}

inline std::vector<std::string> names(const std::string& path) {
  std::vector<std::string> all;
  for (const auto& [name, t] : io::load_safetensors(path)) all.push_back(name);
  return all;
}

}  // namespace duet
