// Wrong calls of what works on the host: elements, files, data sets, other libraries' arrays.
#pragma once

#include <fmt/format.h>

#include "bad_calls/call.h"
#include "duet/dlpack.h"
#include "duet/eigen.h"
#include "files.h"

namespace duet::bad {

inline void add_host(std::vector<Function>& all, const TempFolder& folder) {
  const Tensor x = expect::numbers({2, 3}, 1), one = full({}, 2.f), column = expect::numbers({3}, 2);
  auto host = [&](const char* family, const char* name, std::vector<Argument> arguments,
                  std::function<void(const Values&)> f, std::vector<std::string> says = {}) {
    all.push_back({family, name, std::move(arguments), [f](const Values& v) { return f(v), Tensors{}; },
                   std::move(says), Life::host});
  };
  auto any = [](const char* name, const Tensor& t) { return tensor(name, t, Types::any); };
  auto alike = [](const char* name, const Tensor& t) { return tensor(name, t, Types::alike); };
  host("elements", "item",
       {any("x", one).also("six elements", x).also("none", zeros({0})).also("two", zeros({2}, i32))},
       [](const Values& v) { v.t(0).item(); });
  host("elements", "item", {any("x", one).also("six elements", x).also("none", zeros({0}))},
       [](const Values& v) { v.t(0).item<int64_t>(); });
  host("elements", "to_vector", {alike("x", x)}, [](const Values& v) { v.t(0).to_vector(); });
  host("elements", "to_vector", {alike("x", x.to(i64))}, [](const Values& v) { v.t(0).to_vector<int64_t>(); });
  host("elements", "to_vector", {alike("x", x.to(boolean))}, [](const Values& v) { v.t(0).to_vector<bool>(); });
  host("elements", "data",
       {alike("x", x)
            .also("transposed", x.transpose())
            .also("broadcast", broadcast_to(one, {3}))
            .also("every second", x.slice(1, 0, 3, 2))},
       [](const Values& v) { v.t(0).data(); });
  host("elements", "data", {alike("x", x.to(f64)).also("transposed", x.to(f64).transpose())},
       [](const Values& v) { v.t(0).data<double>(); });
  // Members that say what an empty Tensor is.
  for (auto member :
       {+[](const Tensor& t) { static_cast<void>(t.dtype()); }, +[](const Tensor& t) { static_cast<void>(t.shape()); },
        +[](const Tensor& t) { static_cast<void>(t.rank()); }, +[](const Tensor& t) { static_cast<void>(t.numel()); },
        +[](const Tensor& t) { static_cast<void>(t.size_bytes()); },
        +[](const Tensor& t) { static_cast<void>(t.spec()); },
        +[](const Tensor& t) { static_cast<void>(t.is_contiguous()); }})
    host("members", "Tensor", {Argument{"x", x, {{"empty", Tensor()}}}}, [member](const Values& v) { member(v.t(0)); });

  host("arrays", "as_eigen",
       {alike("x", x).also("a vector", column).also("a scalar", one).also("of three axes", zeros({1, 2, 3}))},
       [](const Values& v) { static_cast<void>(as_eigen<float>(v.t(0))); });
  host("arrays", "as_eigen_vector", {alike("x", column).also("a matrix", x).also("a scalar", one)},
       [](const Values& v) { static_cast<void>(as_eigen_vector<float>(v.t(0))); });
  host("arrays", "to_dlpack", {any("x", x)}, [](const Values& v) {
    dlpack::ManagedTensor* m = to_dlpack(v.t(0));
    m->deleter(m);
  });
  // A foreign array with one field that is wrong.
  struct Field {
    const char* what;
    void (*spoil)(dlpack::ManagedTensor& m);
  };
  static const Field fields[] = {
      {"good", [](dlpack::ManagedTensor&) {}},
      {"on a GPU", [](dlpack::ManagedTensor& m) { m.dl_tensor.device.device_type = dlpack::kCuda; }},
      {"on device -1",
       [](dlpack::ManagedTensor& m) {
         m.dl_tensor.device.device_type = static_cast<decltype(m.dl_tensor.device.device_type)>(99);
       }},
      {"without elements", [](dlpack::ManagedTensor& m) { m.dl_tensor.data = nullptr; }},
      {"without extents", [](dlpack::ManagedTensor& m) { m.dl_tensor.shape = nullptr; }},
      {"of 7 axes", [](dlpack::ManagedTensor& m) { m.dl_tensor.ndim = 7; }},
      {"of -1 axes", [](dlpack::ManagedTensor& m) { m.dl_tensor.ndim = -1; }},
      {"of INT_MIN axes", [](dlpack::ManagedTensor& m) { m.dl_tensor.ndim = INT_MIN; }},
      {"of INT_MAX axes", [](dlpack::ManagedTensor& m) { m.dl_tensor.ndim = INT_MAX; }},
      {"of 3 bits", [](dlpack::ManagedTensor& m) { m.dl_tensor.dtype.bits = 3; }},
      {"of 24 bits", [](dlpack::ManagedTensor& m) { m.dl_tensor.dtype.bits = 24; }},
      {"of 0 bits", [](dlpack::ManagedTensor& m) { m.dl_tensor.dtype.bits = 0; }},
      {"of 4 lanes", [](dlpack::ManagedTensor& m) { m.dl_tensor.dtype.lanes = 4; }},
      {"of 0 lanes", [](dlpack::ManagedTensor& m) { m.dl_tensor.dtype.lanes = 0; }},
      {"of a type with code 77", [](dlpack::ManagedTensor& m) { m.dl_tensor.dtype.code = 77; }},
      {"with an offset off its alignment", [](dlpack::ManagedTensor& m) { m.dl_tensor.byte_offset = 1; }},
      {"with a negative extent", [](dlpack::ManagedTensor& m) { m.dl_tensor.shape[0] = -1; }},
      {"with extent INT64_MIN", [](dlpack::ManagedTensor& m) { m.dl_tensor.shape[1] = INT64_MIN; }},
      {"with extent INT64_MAX", [](dlpack::ManagedTensor& m) { m.dl_tensor.shape[1] = INT64_MAX; }},
      {"with extents that overflow",
       [](dlpack::ManagedTensor& m) { m.dl_tensor.shape[0] = m.dl_tensor.shape[1] = int64_t{1} << 32; }},
      {"with stride INT64_MAX", [](dlpack::ManagedTensor& m) { m.dl_tensor.strides[0] = INT64_MAX; }},
      {"with stride INT64_MIN", [](dlpack::ManagedTensor& m) { m.dl_tensor.strides[1] = INT64_MIN; }},
  };
  Argument field = fixed("array", int64_t{0});
  for (size_t i = 1; i < std::size(fields); ++i) field.wrong.push_back({fields[i].what, static_cast<int64_t>(i)});
  field.wrong.push_back({"null", int64_t{-1}});
  host("arrays", "from_dlpack", {field}, [x](const Values& v) {
    if (v.n(0) < 0) return static_cast<void>(from_dlpack(static_cast<dlpack::ManagedTensor*>(nullptr)));
    dlpack::ManagedTensor* m = to_dlpack(x);
    fields[v.n(0)].spoil(*m);
    try {
      static_cast<void>(from_dlpack(m));
    } catch (...) {
      m->deleter(m);  // it is the caller's still
      throw;
    }
  });

  // Files that are not there, are folders, or are something else.
  const std::string text = folder / "text", place = folder.path();
  write_file(text, "a,b\n1,2\nthree,4\n");
  auto path = [&](const std::string& good) {
    Argument a = fixed("path", good);
    for (const std::string& bad :
         {folder / "missing", place, std::string("/nowhere/x"), std::string(), std::string("/proc/self/mem/x")})
      a.wrong.push_back({"\"" + bad + "\"", bad});
    return a;
  };
  auto file = [&](const char* name, const std::string& good, void (*f)(const Values&), bool other = true) {
    Argument a = path(good);
    if (other) a.wrong.push_back({"of another kind", text});
    host("files", name, {a}, f, {"load", "save", "load_npy", "load_npz", "load_csv"});
  };
  io::save_npy(folder / "x.npy", x);
  io::save_npz(folder / "x.npz", {{"x", x}});
  io::save_safetensors(folder / "x.safetensors", {{"x", x}});
  write_file(folder / "x.csv", "a,b\n1,2\n3,4\n");
  file("load", folder / "x.npy", [](const Values& v) { io::load_npy(v.text(0)); });
  file("load", folder / "x.npz", [](const Values& v) { io::load_npz(v.text(0)); });
  file("load", folder / "x.safetensors", [](const Values& v) { io::load_safetensors(v.text(0)); });
  file("load_csv", folder / "x.csv", [](const Values& v) { data::load_csv(v.text(0)); });
  host("files", "load_idx", {path(DUET_SOURCE_DIR "/examples/data/digits").also("a file", text)},
       [](const Values& v) { data::load_idx(v.text(0)); });
  auto output = [&](const char* name, const char* good, void (*f)(const Values&)) {
    Argument a = fixed("path", folder / good);
    for (const std::string& bad : {place, std::string("/nowhere/x"), std::string(), text + "/x"})
      a.wrong.push_back({"\"" + bad + "\"", bad});
    host("files", name, {a, tensor("x", x, Types::any)}, f);
  };
  output("save", "y.npy", [](const Values& v) { io::save_npy(v.text(0), v.t(1)); });
  output("save", "y.npz", [](const Values& v) { io::save_npz(v.text(0), {{"x", v.t(1)}}); });
  output("save", "y.safetensors", [](const Values& v) { io::save_safetensors(v.text(0), {{"x", v.t(1)}}); });
  output("save", "z.safetensors", [](const Values& v) { io::save(v.text(0), std::vector<Tensor>{v.t(1)}); });
  // Loading fills what is empty, and looks at no element of what was there.
  io::save(folder / "m.safetensors", std::vector<Tensor>{x});
  host("files", "load",
       {path(folder / "m.safetensors"),
        tensor("place", x, Types::alike, Fits::exactly).without("empty").without("never").without("example"),
        choices("number of tensors", 1, {2, 3})},
       [](const Values& v) {
         std::vector<Tensor> m(static_cast<size_t>(v.n(2)), v.t(1));
         const std::string before = expect::tree_bits(m);
         try {
           io::load(v.text(0), m);
         } catch (...) {
           if (expect::tree_bits(m) != before) throw std::logic_error("the failed load changed the tree");
           throw;
         }
       });
  data::CsvOptions options;
  host("files", "load_csv",
       {Argument{"column",
                 std::string("a"),
                 {{"c", std::string("c")}, {"of no name", std::string()}, {"A", std::string("A")}}},
        Argument{"label", std::string("b"), {{"c", std::string("c")}}},
        choices("delimiter", ',', {'"', '\n', '\r', 'a', 'Z', '0', '9', '.', '-', '+', 0})},
       [csv = folder / "x.csv"](const Values& v) {
         data::load_csv(csv, {.delimiter = static_cast<char>(v.n(2)), .columns = {v.text(0)}, .label = v.text(1)});
       });

  const Tensor rows = expect::numbers({5, 3}, 4), labels = arange(5, i32);
  host("data", "batches",
       {tensor("x", rows, Types::any).also("a row less", zeros({4, 3})).also("a scalar", zeros({})),
        tensor("y", labels, Types::any).also("a row more", zeros({6}, i32)).also("a scalar", zeros({})),
        positive("batch", 2), choices("prefetch", 0, {-1, -2, INT64_MIN})},
       [](const Values& v) { data::Batches(v.t(0), v.t(1), v.n(2), nullptr, {.prefetch = v.n(3)}).at(0); });
  host("data", "batches", {choices("i", 1, {3, 4, -1, INT64_MAX, INT64_MIN})},
       [rows, labels](const Values& v) { data::Batches(rows, labels, 2, nullptr, {}).at(v.n(0)); });
  host("data", "batches", {choices("i", 1, {4, 5, -1, INT64_MAX, INT64_MIN})}, [rows, labels](const Values& v) {
    static_cast<void>(data::Batches(rows, labels, 2, nullptr, {}).from(v.n(0)));
  });
}

}  // namespace duet::bad
