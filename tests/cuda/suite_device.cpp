// Runs a test program of another folder on a device: DUET_TEST_DEFAULT_DEVICE=fake (or cuda, the machine's own) makes
// it the default device, and products duet's, which have the CPU's bits. Without it nothing happens.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "cuda/fake_driver.h"
#include "duet/cuda.h"

namespace duet::testing {
namespace {

class SuiteDevice : public ::testing::Environment {
  void SetUp() override {
    const char* text = std::getenv("DUET_TEST_DEFAULT_DEVICE");
    const std::string_view device = text == nullptr ? "" : text;
    if (device != "fake" && device != "cuda") return;
    if (device == "fake") cuda::fake::install();
    cuda::set_matmul_provider(cuda::MatmulProvider::duet);
    set_default_device(Device::cuda());
  }
};
const ::testing::Environment* const environment = ::testing::AddGlobalTestEnvironment(new SuiteDevice);

}  // namespace
}  // namespace duet::testing
