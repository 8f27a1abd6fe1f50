#include "graph/layers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace duet::graph {
namespace {

constexpr double kGapX = 26, kGapY = 34, kMoreGapY = 60, kLane = 10, kMaxLayer = 2000;
constexpr int kSweeps = 24, kSettles = 100;

size_t index(int i) { return static_cast<size_t>(i); }

// A box, or a point of a wire in a layer that it crosses.
struct Item {
  int box = -1;  // −1: a point of a wire
  int layer = 0;
  double width = kLane, x = 0;  // x: its centre
};
// Between items of neighbouring layers.
struct Link {
  int from, to, wire;
  double port;  // where it leaves, from the centre of `from`
};

class Layers {
 public:
  Layers(std::vector<LayerBox>& boxes, std::vector<LayerWire>& wires) : boxes_(boxes), wires_(wires) {}

  Point run() {
    make_layers();
    make_items();
    order();
    position();
    return draw();
  }

 private:
  void make_layers() {
    // Boxes come in an order in which they can run, so wires lead to later ones. A full layer takes no more: the next
    // one with room does.
    layer_.assign(boxes_.size(), 0);
    std::vector<int> fed(boxes_.size(), 0);
    std::vector<double> used;
    for (size_t b = 0; b < boxes_.size(); ++b) {
      auto room = [&](int l) { return used[index(l)] == 0 || used[index(l)] + boxes_[b].width <= kMaxLayer; };
      while (index(layer_[b]) < used.size() && !room(layer_[b])) ++layer_[b];
      if (used.size() <= index(layer_[b])) used.resize(index(layer_[b]) + 1, 0);
      used[index(layer_[b])] += boxes_[b].width + kGapX;
      for (const LayerWire& w : wires_)
        if (index(w.from) == b)
          for (int to : w.to) {
            layer_[index(to)] = std::max(layer_[index(to)], layer_[b] + 1);
            ++fed[index(to)];
          }
    }
    // What has no more wires above it than below stands as close to its first reader as there is room.
    for (size_t b = boxes_.size(); b-- > 0;) {
      int first = -1, given = 0;
      for (const LayerWire& w : wires_)
        if (index(w.from) == b) {
          ++given;
          for (int to : w.to) first = first < 0 ? layer_[index(to)] : std::min(first, layer_[index(to)]);
        }
      if (fed[b] > given) continue;
      for (int l = first - 1; l > layer_[b]; --l) {
        if (used[index(l)] + boxes_[b].width > kMaxLayer) continue;
        used[index(layer_[b])] -= boxes_[b].width + kGapX;
        used[index(l)] += boxes_[b].width + kGapX;
        layer_[b] = l;
        break;
      }
    }
  }

  void make_items() {
    int last = 0;
    for (int l : layer_) last = std::max(last, l);
    rows_.resize(index(last) + 1);
    auto add = [&](const Item& item) {
      items_.push_back(item);
      rows_[index(item.layer)].push_back(static_cast<int>(items_.size()) - 1);
      return static_cast<int>(items_.size()) - 1;
    };
    for (size_t b = 0; b < boxes_.size(); ++b) add({static_cast<int>(b), layer_[b], boxes_[b].width});
    for (size_t w = 0; w < wires_.size(); ++w) {
      const LayerWire& wire = wires_[w];
      int at = wire.from;  // items of boxes have the boxes' numbers
      double port = wire.port - boxes_[index(wire.from)].width / 2;
      int end = 0;
      for (int to : wire.to) end = std::max(end, layer_[index(to)]);
      for (int l = layer_[index(wire.from)] + 1; l <= end; ++l) {
        for (int to : wire.to)
          if (layer_[index(to)] == l) links_.push_back({at, to, static_cast<int>(w), port});
        if (l == end) break;
        const int point = add({-1, l});
        links_.push_back({at, point, static_cast<int>(w), port});
        at = point;
        port = 0;
      }
    }
    above_.resize(items_.size());
    below_.resize(items_.size());
    for (size_t k = 0; k < links_.size(); ++k) {
      above_[index(links_[k].to)].push_back(static_cast<int>(k));
      below_[index(links_[k].from)].push_back(static_cast<int>(k));
    }
  }

  // How many links cross; rows have place_ by item.
  size_t crossings() const {
    size_t n = 0;
    std::vector<std::vector<std::pair<double, double>>> between(rows_.size());
    for (const Link& l : links_)
      between[index(items_[index(l.from)].layer)].push_back(
          {place_[index(l.from)] + l.port / 1e6, place_[index(l.to)]});
    for (const auto& links : between)
      for (size_t a = 0; a < links.size(); ++a)
        for (size_t b = 0; b < a; ++b) n += (links[a].first - links[b].first) * (links[a].second - links[b].second) < 0;
    return n;
  }
  void note_places() {
    place_.resize(items_.size());
    for (const auto& row : rows_)
      for (size_t i = 0; i < row.size(); ++i) place_[index(row[i])] = static_cast<double>(i);
  }

  void order() {
    note_places();
    auto best = rows_;
    size_t fewest = crossings();
    for (int sweep = 0; sweep < kSweeps && fewest > 0; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (size_t k = 0; k < rows_.size(); ++k) {
        auto& row = rows_[down ? k : rows_.size() - 1 - k];
        std::vector<double> wanted(items_.size(), 0);
        for (int i : row) {
          const auto& near = down ? above_[index(i)] : below_[index(i)];
          double sum = 0;
          for (int l : near) {
            const Link& link = links_[index(l)];
            sum += down ? place_[index(link.from)] + link.port / 1e6 : place_[index(link.to)];
          }
          wanted[index(i)] = near.empty() ? place_[index(i)] : sum / static_cast<double>(near.size());
        }
        std::stable_sort(row.begin(), row.end(), [&](int a, int b) { return wanted[index(a)] < wanted[index(b)]; });
        for (size_t i = 0; i < row.size(); ++i) place_[index(row[i])] = static_cast<double>(i);
      }
      if (const size_t now = crossings(); now < fewest) {
        fewest = now;
        best = rows_;
      }
    }
    rows_ = std::move(best);
  }

  double apart(int a, int b) const {
    const Item &x = items_[index(a)], &y = items_[index(b)];
    return (x.width + y.width) / 2 + (x.box < 0 && y.box < 0 ? kLane / 2 : kGapX);
  }
  // How much a link minds not to be straight: most where a wire passes through layers.
  double stiffness(const Link& l) const {
    const int points = (items_[index(l.from)].box < 0) + (items_[index(l.to)].box < 0);
    return points == 2 ? 8 : points == 1 ? 2 : 1;
  }
  struct Wish {
    double x, weight;
  };
  // The least squares of the distances from where the items of a row want to be, in their order and apart.
  void settle(const std::vector<int>& row, const std::vector<Wish>& wishes) {
    struct Run {
      double sum, weight;
      size_t items;
      double mean() const { return sum / weight; }
    };
    std::vector<double> offset(row.size(), 0);
    std::vector<Run> runs;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) offset[i] = offset[i - 1] + apart(row[i - 1], row[i]);
      runs.push_back({(wishes[i].x - offset[i]) * wishes[i].weight, wishes[i].weight, 1});
      while (runs.size() > 1 && runs[runs.size() - 2].mean() > runs.back().mean()) {
        const Run last = runs.back();
        runs.pop_back();
        runs.back().sum += last.sum;
        runs.back().weight += last.weight;
        runs.back().items += last.items;
      }
    }
    size_t i = 0;
    for (const Run& run : runs)
      for (size_t k = 0; k < run.items; ++k, ++i) items_[index(row[i])].x = run.mean() + offset[i];
  }
  void position() {
    for (const auto& row : rows_) settle(row, std::vector<Wish>(row.size(), {0, 1}));
    for (int sweep = 0; sweep < kSettles; ++sweep)
      for (size_t k = 0; k < rows_.size(); ++k) {
        const auto& row = rows_[sweep % 2 == 0 ? k : rows_.size() - 1 - k];
        std::vector<Wish> wishes;
        for (int i : row) {
          double sum = 0, weight = 0;
          auto add = [&](const Link& l, double x) {
            sum += x * stiffness(l);
            weight += stiffness(l);
          };
          for (int k : above_[index(i)])
            add(links_[index(k)], items_[index(links_[index(k)].from)].x + links_[index(k)].port);
          for (int k : below_[index(i)])
            add(links_[index(k)], items_[index(links_[index(k)].to)].x - links_[index(k)].port);
          wishes.push_back(weight > 0 ? Wish{sum / weight, weight} : Wish{items_[index(i)].x, 0.01});
        }
        settle(row, wishes);
      }
  }

  Point draw() {
    double left = 0, right = 0;
    for (const Item& i : items_) {
      left = std::min(left, i.x - i.width / 2);
      right = std::max(right, i.x + i.width / 2);
    }
    std::vector<double> top(rows_.size(), 0), bottom(rows_.size(), 0);
    double y = 0;
    for (size_t r = 0; r < rows_.size(); ++r) {
      double height = 0;
      for (int i : rows_[r])
        if (int b = items_[index(i)].box; b >= 0) {
          height = std::max(height, boxes_[index(b)].height + boxes_[index(b)].below);
          boxes_[index(b)].at = {items_[index(i)].x - items_[index(i)].width / 2 - left, y};
        }
      top[r] = y;
      bottom[r] = y + height;
      // The further wires go aside, the more room they get.
      double aside = 0;
      for (const Link& l : links_)
        if (items_[index(l.from)].layer == static_cast<int>(r))
          aside = std::max(aside, std::abs(items_[index(l.from)].x + l.port - items_[index(l.to)].x));
      y = bottom[r] + kGapY + std::min(kMoreGapY, aside / 12);
    }
    for (size_t i = 0; i < items_.size(); ++i) spread(static_cast<int>(i), left);
    for (size_t k = 0; k < links_.size(); ++k) {
      const Link& l = links_[k];
      const Item &a = items_[index(l.from)], &b = items_[index(l.to)];
      auto& curves = wires_[index(l.wire)].curves;
      const double x = a.x + l.port - left, low = bottom[index(a.layer)];
      // Down past the neighbours of the box, then across.
      const double start = a.box < 0 ? top[index(a.layer)] : boxes_[index(a.box)].at.y + boxes_[index(a.box)].height;
      if (low > start) curves.push_back({{x, start}, {x, low}, false});
      curves.push_back({{x, low}, {entry_[k], top[index(b.layer)]}, b.box >= 0});
    }
    return {right - left, bottom.back()};
  }
  // Where links enter a box: side by side, in the order of where they come from.
  void spread(int item, double left) {
    entry_.resize(links_.size());
    auto links = above_[index(item)];
    const Item& to = items_[index(item)];
    auto source = [&](int l) { return items_[index(links_[index(l)].from)].x + links_[index(l)].port; };
    std::stable_sort(links.begin(), links.end(), [&](int a, int b) { return source(a) < source(b); });
    const double step =
        to.box < 0 ? 0 : std::min(24.0, to.width * 0.8 / std::max<double>(1, static_cast<double>(links.size())));
    for (size_t k = 0; k < links.size(); ++k)
      entry_[index(links[k])] =
          to.x - left + (static_cast<double>(k) - (static_cast<double>(links.size()) - 1) / 2) * step;
  }

  std::vector<LayerBox>& boxes_;
  std::vector<LayerWire>& wires_;
  std::vector<int> layer_;              // by box
  std::vector<Item> items_;             // boxes first
  std::vector<std::vector<int>> rows_;  // items of each layer, from left to right
  std::vector<Link> links_;
  std::vector<std::vector<int>> above_, below_;  // links, by item
  std::vector<double> place_;                    // in its row, by item
  std::vector<double> entry_;                    // by link
};

}  // namespace

Point place_in_layers(std::vector<LayerBox>& boxes, std::vector<LayerWire>& wires) {
  return boxes.empty() ? Point() : Layers(boxes, wires).run();
}

}  // namespace duet::graph
