// interchange_write FOLDER: every dtype and shape in every format that duet writes, for check.py to read.
#include "interchange/expected.h"

namespace {

struct State {
  duet::Tensor weight;
  int64_t epoch = 0;
  std::string note = {};
};

}  // namespace

int main(int, char** argv) {
  using namespace duet;
  const std::string folder = std::string(argv[1]) + "/";
  const io::NamedTensors all = interchange::everything();
  for (const auto& [name, t] : all) io::save_npy(folder + name + ".npy", t);
  for (const auto& [name, t] : interchange::specials()) io::save_npy(folder + name + "_special.npy", t);
  io::save_npz(folder + "all.npz", all);
  io::save_npz(folder + "special.npz", interchange::specials());
  io::save_npz(folder + "empty.npz", {});
  io::save_safetensors(folder + "all.safetensors", all);
  io::save_safetensors(folder + "special.safetensors", interchange::specials());
  io::save_safetensors(folder + "empty.safetensors", {});

  // Names, and views whose elements lie in another order in memory.
  const Tensor x = interchange::tensor_of({f32, {2, 3, 4}});
  const io::NamedTensors views = {{"naïve ✓", transpose(x)}, {"layer.0.weight", slice_axis(x, 2, 1, 4, 2)}};
  io::save_npz(folder + "views.npz", views);
  io::save_safetensors(folder + "views.safetensors", views);
  io::save_npy(folder + "transposed.npy", transpose(x));
  io::Checkpoint{folder + "checkpoint"}.save(7, State{x, 3, "naïve \"note\"\n"});
}
