// The programs of compare.py as duet runs them: bits INPUTS.npz OUTPUTS.npz. What a program gives is written once for
// each life, as eager.NAME, compiled.NAME and frozen.NAME.
#include <fmt/format.h>

#include <duet/duet.h>

using namespace duet;

namespace {

struct Mlp {
  std::vector<nn::Linear> layers;
};
Tensor forward(const Mlp& m, Tensor x) {
  for (size_t i = 0; i + 1 < m.layers.size(); ++i) x = relu(m.layers[i](x));
  return m.layers.back()(x);
}
Tensor loss(const Mlp& m, const Tensor& x, const Tensor& y) { return cross_entropy(forward(m, x), y); }

struct Arrays {
  io::NamedTensors all;
  const Tensor& operator[](std::string_view name) const {
    for (const auto& [key, value] : all)
      if (key == name) return value;
    fail<Error>("bits: no array {}; compare.py writes them", std::string(name));
  }
};

class Programs {
 public:
  explicit Programs(const Arrays& in) : in_(in) {}

  template <class F>
  void add(const std::string& name, F f, const std::vector<std::string>& arguments) {
    std::vector<Tensor> x;
    for (const std::string& a : arguments) x.push_back(in_[a]);
    for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
      auto life = with_mode(mode, f);
      std::vector<Tensor> y;
      for (int call = 0; call < 2; ++call) y = life(x);
      save(mode, name, y);
    }
  }
  void save(Mode mode, const std::string& program, const std::vector<Tensor>& y) {
    for (size_t i = 0; i < y.size(); ++i)
      results.emplace_back(fmt::format("{}.{}.{}", std::string(duet::name(mode)), program, i), y[i]);
  }
  Mlp mlp() const {
    Mlp m;
    for (int i = 0; i < 3; ++i) m.layers.push_back({in_[fmt::format("w{}", i)], in_[fmt::format("b{}", i)]});
    return m;
  }
  io::NamedTensors results;

 private:
  const Arrays& in_;
};

using Tensors = std::vector<Tensor>;

void training(Programs& programs, const Tensor& x, const Tensor& y) {
  auto step = [](Mlp& m, const Tensor& x, const Tensor& y) {
    auto [l, g] = value_and_grad(loss)(m, x, y);
    optim::Sgd().update(m, g, 0.1f);
    return l;
  };
  for (Mode mode : {Mode::eager, Mode::compiled, Mode::frozen}) {
    auto life = with_mode(mode, step);
    Mlp m = programs.mlp();
    for (int i = 0; i < 20; ++i) life(m, x, y);
    Tensors weights;
    for_each_leaf(m, [&](const Tensor& t) { weights.push_back(t); });
    programs.save(mode, "training", weights);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) fail<Error>("bits: {} arguments; give INPUTS.npz OUTPUTS.npz", argc - 1);
  const Arrays in{io::load_npz(argv[1])};
  Programs p(in);
  p.add("chain", [](const Tensors& x) { return Tensors{((x[0] + x[1]) * x[0] - x[1]) * 2 + 1}; }, {"x", "y"});
  p.add("sigmoid_tanh_log",
        [](const Tensors& x) { return Tensors{sigmoid(x[0]) + tanh(x[0]) + log(abs(x[0]) + 0.1f)}; }, {"x"});
  p.add("gelu", [](const Tensors& x) { return Tensors{gelu(x[0] + x[1])}; }, {"rows", "gamma"});
  p.add("softmax", [](const Tensors& x) { return Tensors{softmax(x[0])}; }, {"rows"});
  p.add("layer_norm", [](const Tensors& x) { return Tensors{layer_norm(x[0], x[1], x[2])}; },
        {"rows", "gamma", "beta"});
  p.add("cross_entropy",
        [](const Tensors& x) {
          auto [l, g] = value_and_grad([](const Tensor& logits, const Tensor& y) { return cross_entropy(logits, y); })(
              x[0], x[1]);
          return Tensors{l, g};
        },
        {"rows", "classes"});
  p.add("mean", [](const Tensors& x) { return Tensors{mean(x[0])}; }, {"many"});
  const Mlp m = p.mlp();
  p.add("mlp", [m](const Tensors& x) { return Tensors{forward(m, x[0])}; }, {"images"});
  p.add("mlp_of_one", [m](const Tensors& x) { return Tensors{forward(m, x[0])}; }, {"image"});
  training(p, in["images"], in["digits"]);
  io::save_npz(argv[2], p.results);
  return 0;
} catch (const Error& e) {
  fmt::print(stderr, "{}\n", e.what());
  return 1;
}
