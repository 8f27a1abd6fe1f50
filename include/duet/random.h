// Random numbers from explicit keys (Philox 4x32-10, Salmon et al. 2011): the same key gives the same bits in every
// mode, whatever the number of threads. A key is used once; split it for more.
#pragma once

#include <array>

#include "duet/ops/movement.h"
#include "duet/ops/op.h"

namespace duet {

/// The seed of a stream of random numbers: i32[2], a leaf of trees.
class Key {
 public:
  explicit Key(uint64_t seed);
  /// The key that `data` is: i32[2], as split and saved trees have it. DTypeError for anything else.
  explicit Key(Tensor data, std::source_location line = std::source_location::current());
  Tensor& data() { return data_; }
  const Tensor& data() const { return data_; }

 private:
  Tensor data_;
};

struct RandomOps : OpList<struct Uniform, struct Normal, struct Permutation, struct Split, struct FoldIn> {};

const OpRecord& builtin(const RandomOps*, int i);

/// Uniform in [0, 1), 24 bits (attributes: extents).
struct Uniform : KernelOp<RandomOps, 1> {
  static constexpr std::string_view name = "uniform";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};
/// Standard normal, by Box and Muller's method (attributes: extents).
struct Normal : KernelOp<RandomOps, 1> {
  static constexpr std::string_view name = "normal";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};
/// 0…n−1 in a random order: positions sorted by 64 random bits (attribute: n).
struct Permutation : KernelOp<RandomOps, 1> {
  static constexpr std::string_view name = "permutation";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};
/// n new keys i32[n,2] (attribute: n).
struct Split : KernelOp<RandomOps, 1> {
  static constexpr std::string_view name = "split";
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};
/// A key made of a key and a number.
struct FoldIn : KernelOp<RandomOps, 2> {
  static constexpr std::string_view name = "fold_in";
  static constexpr unsigned kFreeIn = 0b10;
  static void infer(const Args& in, Attrs attrs, Spec* out);
  static void run(const KernelCall& call);
};

using Here = std::source_location;

/// Uniform f32 numbers in [low, high), of 24 random bits; no gradient.
Tensor uniform(const Key& key, const Shape& shape, double low = 0, double high = 1, Here line = Here::current());
/// Normal f32 numbers; no gradient.
Tensor normal(const Key& key, const Shape& shape, double mean = 0, double deviation = 1, Here line = Here::current());
/// bool, true with probability p. Error unless 0 ≤ p ≤ 1.
Tensor bernoulli(const Key& key, double p, const Shape& shape, Here line = Here::current());
/// x with each element set to 0 with probability p, the others divided by 1 − p, so that the mean stays (Srivastava et
/// al. 2014); x's shape. Gradient: dy through the same mask. Under vmap a key shared by all
/// examples draws one mask for all. Error unless 0 ≤ p < 1, DTypeError unless x is floating.
Tensor dropout(const Operand& x, double p, const Key& key);
/// Draws an index along `axis` with probabilities softmax(logits), i64 without that axis: the largest of logits plus
/// Gumbel noise (Gumbel 1954). Logits of -inf are never drawn beside a finite one; as in argmax the first NaN wins, and
/// among nothing but -inf the index is 0. Any float (whose noise has 24 bits as well); no gradient. DTypeError for
/// other dtypes, ShapeError over no elements.
Tensor categorical(const Key& key, const Operand& logits, int axis = -1, Here line = Here::current());
/// 0…n−1 in a random order, i64[n]. ShapeError for a negative n.
Tensor permutation(const Key& key, int64_t n, Here line = Here::current());
/// n independent keys in place of one. ShapeError for a negative n.
std::vector<Key> split(const Key& key, int64_t n, Here line = Here::current());
/// N independent keys, for structured bindings: `auto [a, b] = split<2>(key)`.
template <size_t N>
std::array<Key, N> split(const Key& key, Here line = Here::current()) {
  std::vector<Key> keys = split(key, static_cast<int64_t>(N), line);
  return [&]<size_t... I>(std::index_sequence<I...>) { return std::array<Key, N>{std::move(keys[I])...}; }
  (std::make_index_sequence<N>());
}
/// The key of step or epoch i, an integer or an integer tensor of one element; the key itself stays usable. DTypeError
/// for anything else.
Key fold_in(const Key& key, const Operand& i);

}  // namespace duet
