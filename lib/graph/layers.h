// Draws a directed graph without cycles from top to bottom: boxes in layers, wires between them.
#pragma once

#include <vector>

namespace duet::graph {

struct Point {
  double x = 0, y = 0;
};
/// A box to be placed, with room below it for what is written there.
struct LayerBox {
  double width = 0, height = 0, below = 0;
  Point at = {};  // left upper corner; found by place_in_layers
};
/// A wire from a place on a box's lower edge to other boxes.
struct LayerWire {
  int from = 0;
  double port = 0;  // from the left corner
  std::vector<int> to;
  /// Its curves: from one point to the next, an arrow at the second one where it meets a box.
  struct Curve {
    Point from, to;
    bool arrow = false;
  };
  std::vector<Curve> curves = {};
};

/// Places the boxes, each below those it has wires from, and runs the wires; gives the picture's width and height.
/// After Sugiyama, Tagawa & Toda 1981: layers by longest path, order by barycentres, positions by least squares.
Point place_in_layers(std::vector<LayerBox>& boxes, std::vector<LayerWire>& wires);

}  // namespace duet::graph
