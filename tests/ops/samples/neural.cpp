// Samples of normalisations, losses, dropout and attention.
#include "ops/neural_composites.h"
#include "ops/samples/define.h"

namespace duet::testing {

template const std::vector<Sampled>& samples_of<NeuralOps>();

}  // namespace duet::testing
