// duet, in reading order.
#pragma once

#include "duet/core/dtype.h"     // element types
#include "duet/core/shape.h"     // extents and strides
#include "duet/core/error.h"     // what is thrown
#include "duet/core/memory.h"    // the caching allocator and its counters
#include "duet/core/debug.h"     // DUET_DEBUG
#include "duet/core/machine.h"   // what a program runs on
#include "duet/core/tensor.h"    // the value
#include "duet/ops/op.h"         // the contract of an op
#include "duet/ops/pointwise.h"  // exp, add, where …
#include "duet/ops/reduce.h"     // sum, mean, max, argmax
#include "duet/ops/movement.h"   // reshape, transpose, slice, concat, cast
#include "duet/ops/matmul.h"
#include "duet/ops/index.h"      // gather, scatter_add, one_hot
#include "duet/ops/create.h"     // zeros, arange, eye
#include "duet/ops/composite.h"  // softmax, cross_entropy, layer_norm
#include "duet/dispatch.h"       // the fork: run now, or record
#include "duet/tree.h"           // aggregates of tensors
#include "duet/grad.h"           // tapes and gradients
#include "duet/formula.h"        // gradients of gradients
#include "duet/random.h"         // keys
#include "duet/graph/graph.h"    // what is recorded
#include "duet/graph/compile.h"  // recorded at every call
#include "duet/graph/freeze.h"   // recorded once
#include "duet/graph/explain.h"  // what compiling did
#include "duet/duel.h"           // both lives side by side
#include "duet/nn/linear.h"      // layers
#include "duet/optim/adam.h"     // optimisers
#include "duet/optim/sgd.h"
#include "duet/data/idx.h"       // digits, MNIST
#include "duet/data/csv.h"       // tables
#include "duet/data/progress.h"  // a bar on a terminal
#include "duet/io/checkpoint.h"  // trees in files
