// explain's JSON is what docs/explain.schema.json says.
#include <duet/duet.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "explain/golden.h"

using namespace duet;
using Json = nlohmann::json;

namespace {

Json schema() {
  std::ifstream file(std::string(DUET_SOURCE_DIR) + "/docs/explain.schema.json");
  return Json::parse(file);
}

// The keywords of JSON Schema that the file uses.
class Validator {
 public:
  explicit Validator(Json root) : root_(std::move(root)) {}
  /// The first thing that is wrong; empty if nothing is.
  std::string check(const Json& x) const { return check(x, root_, "$"); }

 private:
  static bool is(const Json& x, const std::string& type) {
    if (type == "object") return x.is_object();
    if (type == "array") return x.is_array();
    if (type == "string") return x.is_string();
    if (type == "integer") return x.is_number_integer();
    if (type == "number") return x.is_number();
    if (type == "boolean") return x.is_boolean();
    return type == "null" && x.is_null();
  }
  std::string check(const Json& x, const Json& rule, const std::string& at) const {
    for (const auto& [keyword, value] : rule.items()) {
      std::string wrong;
      if (keyword == "$ref") {
        wrong = check(x, root_.at(Json::json_pointer(value.get<std::string>().substr(1))), at);
      } else if (keyword == "type") {
        bool fits = false;
        for (const Json& type : value.is_array() ? value : Json::array({value})) fits |= is(x, type);
        if (!fits) wrong = at + " is no " + value.dump();
      } else if (keyword == "const") {
        if (x != value) wrong = at + " is not " + value.dump();
      } else if (keyword == "enum") {
        if (std::find(value.begin(), value.end(), x) == value.end()) wrong = at + " is none of " + value.dump();
      } else if (keyword == "minimum") {
        if (x.is_number() && x < value) wrong = at + " is too small";
      } else if (keyword == "minItems") {
        if (x.is_array() && x.size() < value) wrong = at + " has too few items";
      } else if (keyword == "required") {
        for (const Json& name : value)
          if (x.is_object() && !x.contains(name)) wrong = at + " has no " + name.dump();
      } else if (keyword == "additionalProperties") {
        EXPECT_FALSE(value.get<bool>());
        if (x.is_object())
          for (const auto& [name, y] : x.items())
            if (!rule.at("properties").contains(name)) wrong = at + " has an unknown " + name;
      } else if (keyword == "properties") {
        for (const auto& [name, part] : value.items())
          if (wrong.empty() && x.is_object() && x.contains(name)) wrong = check(x[name], part, at + "." + name);
      } else if (keyword == "items") {
        for (size_t i = 0; x.is_array() && i < x.size() && wrong.empty(); ++i)
          wrong = check(x[i], value, at + "[" + std::to_string(i) + "]");
      } else if (keyword != "$schema" && keyword != "title" && keyword != "description" && keyword != "$defs") {
        wrong = "the schema has a keyword that is not checked: " + keyword;
      }
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  Json root_;
};

std::vector<Explanation> several() {
  std::vector<Explanation> all;
  const Tensor x = normal(Key(1), {8, 16});
  auto soft = [](const Tensor& t) { return softmax(t, -1); };
  all.push_back(explain(soft, x));
  auto splitting = compile([](const Tensor& t) {
    Tensor y = t * 2.0f;
    return sum(y).item() > 0 ? y + 1.0f : exp(y);
  });
  splitting(x), splitting(x), splitting(ones({3}));
  all.push_back(explain(splitting));
  auto frozen = freeze([w = ones({16})](const Tensor& t, float rate) {
    return std::pair{t.transpose(), t - rate * grad([&](const Tensor& v) { return sum(tanh(v * w)); })(t)};
  });
  frozen(x, 0.5f);
  all.push_back(explain(frozen));
  all.push_back(explain(eager(soft)));
  nn::Linear layer = nn::Linear::init(16, 10, Key(2));
  auto train = [](nn::Linear& m, optim::Adam& adam, const Tensor& t, const Tensor& y) {
    auto [l, g] = value_and_grad(
        [](const nn::Linear& n, const Tensor& a, const Tensor& b) { return cross_entropy(n(a), b); })(m, t, y);
    adam.update(m, g, 1e-3f);
    return l;
  };
  all.push_back(explain(train, layer, optim::Adam::init(layer), x, zeros({8}, i32)));
  return all;
}

TEST(ExplainJson, IsWhatTheSchemaSays) {
  const Validator validator(schema());
  size_t plans = 0;
  for (const Explanation& e : several()) {
    const std::string text = to_json(e);
    const Json json = Json::parse(text);
    EXPECT_EQ(validator.check(json), "") << text;
    ASSERT_EQ(json["plans"].size(), e.plans.size());
    plans += e.plans.size();
    EXPECT_EQ(json["mode"], name(e.mode));
    for (size_t k = 0; k < e.plans.size(); ++k) {
      const Json& p = json["plans"][k];
      EXPECT_EQ(p["launches"], e.plans[k].kernels.size());
      EXPECT_EQ(p["bytes"], e.plans[k].bytes);
      EXPECT_EQ(p["fusions"].size(), e.plans[k].fusions.size());
      EXPECT_EQ(p["memory"]["buffers"].size(), e.plans[k].buffers.size());
      for (const Json& f : p["fusions"]) EXPECT_EQ(f["reason"] == "", f["fused"]);
    }
  }
  EXPECT_EQ(plans, 7u);
}

TEST(ExplainJson, TheSchemaRefusesOtherDocuments) {
  const Validator validator(schema());
  const Json good = Json::parse(to_json(several()[1]));
  auto with = [&](const char* path, const Json& value) {
    Json bad = good;
    bad[Json::json_pointer(path)] = value;
    return validator.check(bad);
  };
  EXPECT_EQ(with("/duet_explanation", 2), "$.duet_explanation is not 1");
  EXPECT_EQ(with("/mode", "fast"), R"($.mode is none of ["eager","compiled","frozen"])");
  EXPECT_EQ(with("/more", 1), "$ has an unknown more");
  EXPECT_EQ(with("/plans/0/bytes", -1), "$.plans[0].bytes is too small");
  EXPECT_EQ(with("/plans/0/kernels/0/operations", Json::array()), "$.plans[0].kernels[0].operations has too few items");
  EXPECT_EQ(with("/plans/0/kernels/0/line", 3), R"($.plans[0].kernels[0].line is no ["object","null"])");
  Json bad = good;
  bad["plans"][0].erase("fusions");
  EXPECT_EQ(validator.check(bad), R"($.plans[0] has no "fusions")");
}

TEST(ExplainJson, Golden) { duet::testing::expect_golden("softmax.json", to_json(several()[0])); }

TEST(ExplainJson, AnyNameOfAFileIsText) {
  Explanation e;
  e.line.file = "a/odd \"name\"\\\x01 \xff\xc3.cpp";
  e.line.line = 3;
  const Json json = Json::parse(to_json(e));  // throws for bytes that are no UTF-8
  EXPECT_EQ(json["line"]["file"], "odd \"name\"\\? ??.cpp");
  e.line.file = "two\nlines";
  EXPECT_EQ(Json::parse(to_json(e))["line"]["file"], "two\nlines");
}

}  // namespace
