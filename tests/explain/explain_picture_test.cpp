// explain's pictures: the SVG is well-formed and shows every kernel, value and buffer; the terminal chart; files.
#include <duet/duet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "duet/duel.h"
#include "expect.h"
#include "explain/golden.h"
#include "files.h"

using namespace duet;

namespace {

// An XML document's elements: names with classes, titles and texts, indented by depth; fails the test if it is none.
class Xml {
 public:
  explicit Xml(const std::string& text) : text_(text) {
    while (at_ < text_.size()) text_[at_] == '<' ? tag() : data();
    EXPECT_TRUE(open_.empty()) << open_.back() << " is not closed";
  }
  size_t count(const std::string& name, const std::string& kind) const {
    size_t n = 0;
    for (const auto& [element, its_kind] : elements_) n += element == name && its_kind == kind;
    return n;
  }
  /// What is written: titles and texts, in order.
  const std::vector<std::string>& texts() const { return texts_; }
  bool has(const std::string& text) const { return std::find(texts_.begin(), texts_.end(), text) != texts_.end(); }

 private:
  void tag() {
    const size_t end = text_.find('>', at_);
    ASSERT_NE(end, text_.npos);
    std::string inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (inside[0] == '/') {
      ASSERT_FALSE(open_.empty());
      EXPECT_EQ(inside.substr(1), open_.back());
      open_.pop_back();
      return;
    }
    const bool empty = inside.back() == '/';
    if (empty) inside.pop_back();
    std::smatch parts;
    static const std::regex kTag(R"re(([a-zA-Z]+)((?: [a-zA-Z:0-9-]+="[^"<&]*")*))re");
    ASSERT_TRUE(std::regex_match(inside, parts, kTag)) << inside;
    std::smatch kind;
    const std::string attributes = parts[2];
    static const std::regex kClass(R"re( class="([^"]*)")re");
    elements_.emplace_back(parts[1], std::regex_search(attributes, kind, kClass) ? kind[1].str() : "");
    if (!empty) open_.push_back(parts[1]);
  }
  void data() {
    const size_t end = std::min(text_.find('<', at_), text_.size());
    std::string raw = text_.substr(at_, end - at_), plain;
    at_ = end;
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '&') {
        plain += raw[i];
        continue;
      }
      const std::string name = raw.substr(i + 1, raw.find(';', i) - i - 1);
      static const std::pair<const char*, char> kNames[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}};
      bool known = false;
      for (auto [n, c] : kNames)
        if (name == n) plain += c, known = true;
      EXPECT_TRUE(known) << name;
      i += name.size() + 1;
    }
    if (!open_.empty() && (open_.back() == "text" || open_.back() == "title")) texts_.push_back(plain);
  }
  const std::string& text_;
  size_t at_ = 0;
  std::vector<std::string> open_, texts_;
  std::vector<std::pair<std::string, std::string>> elements_;
};

struct Mlp {
  std::vector<nn::Linear> layers;
};
Explanation training_step(int layers) {
  Mlp m;
  for (int i = 0; i < layers; ++i) m.layers.push_back(nn::Linear::init(16, 16, Key(static_cast<uint64_t>(i))));
  auto step = [](Mlp& model, optim::Adam& adam, const Tensor& x, const Tensor& y) {
    auto [l, g] = value_and_grad([](const Mlp& n, Tensor h, const Tensor& labels) {
      for (const nn::Linear& layer : n.layers) h = relu(layer(h));
      return cross_entropy(h, labels);
    })(model, x, y);
    adam.update(model, g, 1e-3f);
    return l;
  };
  return explain(step, m, optim::Adam::init(m), ones({8, 16}), zeros({8}, i32));
}

TEST(ExplainPicture, ShowsEveryKernelValueAndBuffer) {
  for (int layers : {1, 3, 12}) {
    const Explanation e = training_step(layers);
    const Explanation::Plan& p = e.plans.at(0);
    const std::string svg = to_svg(e);
    const Xml xml(svg);
    EXPECT_EQ(xml.count("rect", "box"), p.kernels.size());
    EXPECT_EQ(xml.count("g", "kernel matmul") + xml.count("g", "kernel fused") + xml.count("g", "kernel other"),
              p.kernels.size());
    EXPECT_EQ(xml.count("g", "buffer"), p.buffers.size());
    EXPECT_EQ(xml.count("rect", "place") - 1,  // one is the legend's
              static_cast<size_t>(
                  std::count_if(p.buffers.begin(), p.buffers.end(), [](auto& b) { return !b.in_place_of.empty(); })));
    // Every value that one kernel makes and another reads has a wire, with its type.
    size_t wires = 0;
    for (const auto& kernel : p.kernels)
      for (const auto& o : kernel.operations)
        for (const auto& made : o.outputs) {
          const bool read_elsewhere = std::any_of(p.kernels.begin(), p.kernels.end(), [&](const auto& other) {
            return &other != &kernel &&
                   std::any_of(other.operations.begin(), other.operations.end(), [&](auto& reader) {
                     return std::find(reader.inputs.begin(), reader.inputs.end(), made.name) != reader.inputs.end();
                   });
          });
          wires += read_elsewhere;
          EXPECT_TRUE(!read_elsewhere || xml.has(fmt::format("{} {}", made.name, made.spec))) << made.name;
        }
    EXPECT_GT(wires, p.kernels.size() / 2);
    EXPECT_GE(xml.count("g", "value"), wires);
    for (size_t k = 0; k < p.kernels.size(); ++k) EXPECT_TRUE(xml.has(fmt::format("k{}", k)));
    for (const auto& b : p.buffers)
      EXPECT_NE(svg.find(fmt::format("{} bytes at {}, live from k{} to k{}", with_commas(b.bytes),
                                     with_commas(b.offset), b.first, b.last)),
                svg.npos);
    EXPECT_EQ(svg.find("nan"), svg.npos);
    EXPECT_EQ(svg.find("inf"), svg.npos);
  }
}

// Where boxes stand: x, y, width, height.
std::vector<std::array<double, 4>> boxes(const std::string& svg) {
  std::vector<std::array<double, 4>> all;
  static const std::regex kBox(R"re(<g class="kernel [a-z]+" transform="translate\(([-0-9.]+) ([-0-9.]+)\)">)re"
                               R"re([^]*?<rect class="box" x="0.0" y="0.0" width="([0-9.]+)" height="([0-9.]+)")re");
  for (std::sregex_iterator i(svg.begin(), svg.end(), kBox), end; i != end; ++i)
    all.push_back({std::stod((*i)[1]), std::stod((*i)[2]), std::stod((*i)[3]), std::stod((*i)[4])});
  return all;
}

TEST(ExplainPicture, BoxesStandApartAndInOrder) {
  for (int layers : {2, 16}) {
    const Explanation e = training_step(layers);
    const auto at = boxes(to_svg(e));
    ASSERT_GE(at.size() + 1, e.plans[0].kernels.size());  // one at 0, 0 has no translation
    for (size_t a = 0; a < at.size(); ++a) {
      EXPECT_GE(at[a][0], 0);
      for (size_t b = 0; b < a; ++b) {
        const bool apart = at[a][0] >= at[b][0] + at[b][2] || at[b][0] >= at[a][0] + at[a][2] ||
                           at[a][1] >= at[b][1] + at[b][3] || at[b][1] >= at[a][1] + at[a][3];
        EXPECT_TRUE(apart) << a << " and " << b;
      }
    }
  }
}

TEST(ExplainPicture, Structure) {
  auto f = [](const Tensor& x) { return softmax(x * 2.0f, -1); };
  const std::string svg = to_svg(explain(f, ones({8, 16})));
  const Xml xml(svg);
  std::string texts;
  for (const std::string& t : xml.texts()) texts += t + "\n";
  duet::testing::expect_golden("softmax_picture.txt", texts);
}

TEST(ExplainPicture, OddNamesAreEscaped) {
  Explanation e = explain([](const Tensor& x) { return exp(x) + 1.0f; }, ones({2}));
  Explanation::Plan& p = e.plans.at(0);
  p.why = "a < b && \"c\" > \xff\x02 é";
  p.kernels[0].operations[0].line.file = "<&>.cpp";
  const std::string svg = to_svg(e);
  EXPECT_TRUE(Xml(svg).has("plan 1: a < b && \"c\" > ?? é"));
  EXPECT_NE(svg.find("&lt;&amp;&gt;.cpp"), svg.npos);
}

TEST(ExplainPicture, ManyPlansAndManyOperations) {
  auto f = compile([](Tensor x) {
    for (int i = 0; i < 60; ++i) x = x * 1.01f;
    return x;
  });
  for (int64_t n = 1; n <= 10; ++n) f(ones({n}));
  const std::string svg = to_svg(explain(f));
  const Xml xml(svg);
  EXPECT_EQ(xml.count("g", "plan"), 8u);
  EXPECT_TRUE(xml.has("… and 2 more plans, in the text and in the JSON"));
  EXPECT_TRUE(xml.has("… 47 more operations"));
}

TEST(ExplainPicture, NothingToDraw) {
  auto f = compile([](const Tensor& x) { return x.transpose(); });
  f(ones({2, 3}));
  const std::string one = to_svg(explain(f));
  EXPECT_TRUE(Xml(one).has("output %0 f32[3,2] → result"));
  const std::string none = to_svg(explain(eager([](const Tensor& x) { return x; })));
  EXPECT_TRUE(Xml(none).has("eager: nothing is planned"));
}

TEST(ExplainPicture, ChartOfBlocks) {
  auto f = [](const Tensor& x) {
    const Tensor a = sum(x, {.axis = 1, .keepdims = true}), b = exp(a), c = max(b * x, {.axis = 0, .keepdims = true});
    return sum(c * x);
  };
  const Explanation e = explain(f, ones({16, 64}));
  duet::testing::expect_golden("chart.txt", e.chart(72));
  for (int width : {20, 40, 100, 200}) {
    const std::string chart = training_step(6).chart(width);
    size_t at = 0;
    int rows = 0;
    for (size_t end; (end = chart.find('\n', at)) != chart.npos; at = end + 1) {
      size_t letters = 0;
      for (size_t i = at; i < end; ++i) letters += (static_cast<unsigned char>(chart[i]) & 0xc0) != 0x80;
      EXPECT_LE(letters, rows++ == 0 ? 200 : static_cast<size_t>(width)) << chart;
    }
    EXPECT_EQ(rows, 18);
  }
  EXPECT_EQ(explain(eager(f)).chart(), "");
  EXPECT_EQ(explain([](const Tensor& x) { return exp(x); }, ones({2})).chart(), "plan 1: nothing lies between kernels");
  EXPECT_THROW(e.chart(19), Error);
}

TEST(ExplainPicture, FilesByTheEndOfTheName) {
  TempFolder folder;
  const Explanation e = explain([](const Tensor& x) { return softmax(x, -1); }, ones({4, 8}));
  auto read = [&](const std::string& name) {
    std::ifstream file(folder / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  e.save(folder / "a.svg");
  e.save(folder / "a.json");
  e.save(folder / "a.txt");
  EXPECT_EQ(read("a.svg"), to_svg(e));
  EXPECT_EQ(read("a.json"), to_json(e));
  EXPECT_EQ(read("a.txt"), to_string(e) + "\n\n" + e.chart() + "\n");
  auto what = [&](const std::string& path) {
    try {
      e.save(path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(what("step.png"),
            "explain: a picture ends in .svg, data in .json, text in .txt: 'step.png'; choose one of these names");
  EXPECT_EQ(what(folder / "none/a.svg"),
            fmt::format("explain: {}: cannot be written: No such file or directory", folder / "none/a.svg"));
  EXPECT_EQ(folder.files(), 3);
}

}  // namespace
