// duet, in reading order.
#pragma once

#include "duet/core/dtype.h"     // element types
#include "duet/core/shape.h"     // extents and strides
#include "duet/core/device.h"    // the CPU, or a CUDA device
#include "duet/core/error.h"     // what is thrown
#include "duet/core/memory.h"    // the caching allocator and its counters
#include "duet/core/debug.h"     // DUET_DEBUG
#include "duet/core/machine.h"   // what a program runs on
#include "duet/core/tensor.h"    // the value
#include "duet/cuda.h"           // which CUDA devices there are
#include "duet/ops/op.h"         // the contract of an op
#include "duet/ops/pointwise.h"  // exp, add, where …
#include "duet/ops/reduce.h"     // sum, mean, max, argmax, reduce_any …
#include "duet/ops/scan.h"       // cumsum
#include "duet/ops/sort.h"       // sort, topk
#include "duet/ops/stats.h"      // var, stddev, logsumexp
#include "duet/ops/movement.h"   // reshape, transpose, slice, concat, cast
#include "duet/ops/rearrange.h"  // squeeze, stack, flip, roll, repeat
#include "duet/ops/pad.h"        // pad, tril, triu, update
#include "duet/ops/windows.h"    // sliding windows of an image
#include "duet/ops/matmul.h"     // products, linear
#include "duet/autocast.h"       // products of 16-bit numbers
#include "duet/ops/index.h"      // gather, scatter_add, one_hot, take, embedding
#include "duet/ops/along.h"      // take_along_axis, scatter_add_along_axis
#include "duet/ops/create.h"     // zeros, arange, eye
#include "duet/ops/normalise.h"  // softmax, layer_norm, batch_norm
#include "duet/ops/loss.h"       // cross_entropy, mse, huber
#include "duet/ops/attention.h"
#include "duet/ops/conv.h"              // conv2d, pooling
#include "duet/dispatch.h"              // the fork: run now, or record
#include "duet/tree.h"                  // aggregates of tensors
#include "duet/grad.h"                  // tapes and gradients
#include "duet/formula.h"               // gradients of gradients
#include "duet/tape.h"                  // a tape to hold in the hand
#include "duet/batch.h"                 // what vmap does to operations
#include "duet/transform/jvp.h"         // directional derivatives
#include "duet/transform/checkpoint.h"  // gradients that keep arguments instead of intermediate values
#include "duet/transform/custom_vjp.h"  // gradient rules of your own
#include "duet/transform/vmap.h"        // functions of one example, on batches
#include "duet/random.h"                // keys
#include "duet/graph/graph.h"           // what is recorded
#include "duet/graph/compile.h"         // recorded at every call
#include "duet/graph/freeze.h"          // recorded once
#include "duet/graph/explain.h"         // what compiling did
#include "duet/duel.h"                  // both lives side by side
#include "duet/nn/linear.h"             // layers
#include "duet/nn/embedding.h"
#include "duet/nn/norm.h"
#include "duet/nn/conv.h"
#include "duet/nn/dropout.h"
#include "duet/nn/attention.h"
#include "duet/nn/gru.h"
#include "duet/optim/sgd.h"  // optimisers
#include "duet/optim/adam.h"
#include "duet/optim/lion.h"
#include "duet/optim/clip.h"
#include "duet/optim/loss_scale.h"
#include "duet/optim/schedule.h"
#include "duet/data/idx.h"       // digits, MNIST
#include "duet/data/csv.h"       // tables
#include "duet/data/progress.h"  // a bar on a terminal
#include "duet/io/npz.h"         // arrays of NumPy
#include "duet/io/onnx.h"        // networks of other frameworks
#include "duet/io/checkpoint.h"  // trees in files
