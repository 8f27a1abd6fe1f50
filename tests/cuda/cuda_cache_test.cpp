// Images on disk: found again, also by a plan, refused when damaged or somebody else's, never more than so many.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cuda/compiler.h"
#include "cuda/disk_cache.h"
#include "cuda/host_compiler.h"
#include "cuda/on_device.h"

namespace duet::testing {
namespace {

namespace fs = std::filesystem;

class CudaCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("duet_cache_test_" + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
    ::setenv("XDG_CACHE_HOME", root_.c_str(), 1);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    for (const auto& e : fs::directory_iterator(root_ / "duet")) all.push_back(e.path());
    return all;
  }

  fs::path root_;
  const std::string key_ = cuda::cache_key("a program", "sm_90", "13.0");
  const std::vector<char> image_ = std::vector<char>(1000, 'x');
};

TEST_F(CudaCacheTest, AnImageIsFoundAgain) {
  std::vector<char> found;
  EXPECT_FALSE(cuda::read_cached(key_, found));
  cuda::write_cached(key_, image_);
  EXPECT_TRUE(cuda::read_cached(key_, found));
  EXPECT_EQ(found, image_);
  struct stat s {};
  ASSERT_EQ(::stat((root_ / "duet").c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0700u);
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(CudaCacheTest, ThePartsOfTheKeyDecide) {
  cuda::write_cached(key_, image_);
  std::vector<char> found;
  EXPECT_FALSE(cuda::read_cached(cuda::cache_key("another program", "sm_90", "13.0"), found));
  EXPECT_FALSE(cuda::read_cached(cuda::cache_key("a program", "sm_80", "13.0"), found));
  EXPECT_FALSE(cuda::read_cached(cuda::cache_key("a program", "sm_90", "12.9"), found));
}

TEST_F(CudaCacheTest, AnyDamageIsFound) {
  cuda::write_cached(key_, image_);
  const fs::path path = files()[0];
  std::ifstream file(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  std::vector<char> found;
  for (size_t i = 0; i < whole.size(); i += i < 64 ? 1 : 997) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_FALSE(cuda::read_cached(key_, found)) << "byte " << i;
    EXPECT_FALSE(fs::exists(path)) << "byte " << i;
    std::ofstream(path, std::ios::binary) << whole.substr(0, i);
    EXPECT_FALSE(cuda::read_cached(key_, found)) << "cut at " << i;
  }
  cuda::write_cached(key_, image_);  // and rebuilt
  EXPECT_TRUE(cuda::read_cached(key_, found));
}

TEST_F(CudaCacheTest, AFolderThatOthersMayWriteIsNotUsed) {
  cuda::write_cached(key_, image_);
  ::chmod((root_ / "duet").c_str(), 0755);
  std::vector<char> found;
  EXPECT_FALSE(cuda::read_cached(key_, found));
  fs::remove_all(root_ / "duet");
  fs::create_directories(root_ / "elsewhere");
  fs::create_directory_symlink(root_ / "elsewhere", root_ / "duet");
  cuda::write_cached(key_, image_);
  EXPECT_FALSE(cuda::read_cached(key_, found));
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));
}

TEST_F(CudaCacheTest, WithoutAFolderNothingIsKept) {
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  ::unsetenv("HOME");
  EXPECT_EQ(cuda::cache_folder(), "");
  std::vector<char> found;
  cuda::write_cached(key_, image_);
  EXPECT_FALSE(cuda::read_cached(key_, found));
  ::setenv("HOME", home.c_str(), 1);
}

TEST_F(CudaCacheTest, TheOldestGoWhenThereAreTooMany) {
  const std::vector<char> large(cuda::kCacheBytes / 3, 'y');
  for (int i = 0; i < 4; ++i) {
    cuda::write_cached(cuda::cache_key(std::to_string(i), "sm_90", "13.0"), large);
    for (const fs::path& path : files())  // times are coarse: the others become older
      fs::last_write_time(path, fs::last_write_time(path) - std::chrono::seconds(10));
  }
  EXPECT_EQ(files().size(), 2u);
  std::vector<char> found;
  EXPECT_FALSE(cuda::read_cached(cuda::cache_key("0", "sm_90", "13.0"), found));
  EXPECT_TRUE(cuda::read_cached(cuda::cache_key("3", "sm_90", "13.0"), found));
}

int compiled = 0;
std::string toolkit = "1.0";

/// The host's compiler, whose images are kept as NVRTC's are.
const cuda::Compiler kCounting{
    [] { return toolkit; },
    [](const std::string& source, const std::string& arch, std::vector<char>& image, std::string& log) {
      ++compiled;
      return cuda::fake::host_compiler().compile(source, arch, image, log);
    },
    true};

class CudaPlanCacheTest : public CudaCacheTest {
 protected:
  void TearDown() override {
    end_device();
    cuda::fake::uninstall();
    CudaCacheTest::TearDown();
  }

  /// What a process that begins now compiles, on a device of this capability; its result has the CPU's bits.
  static std::string first_call(int capability = 90) {
    cuda::fake::install({.capability = capability});
    cuda::set_compiler(&kCounting);
    compiled = 0;
    std::vector<float> v(300);
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i) / 64 - 2;
    const Tensor x = from_vector(v, {3, 100});
    const auto f = compile([](const Tensor& t) { return softmax(t * 1.5f, -1); });
    EXPECT_EQ(difference(softmax(x * 1.5f, -1), f(x.to(Device::cuda())).to(Device::cpu())), "");
    const bool from_disk = explain(f).plans[0].device.find(", from disk") != std::string::npos;
    return fmt::format("{} compiled{}", compiled, from_disk ? ", from disk" : "");
  }
};

TEST_F(CudaPlanCacheTest, APlanIsFoundByALaterProcess) {
  EXPECT_EQ(first_call(), "1 compiled");
  EXPECT_EQ(first_call(), "0 compiled, from disk");
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(CudaPlanCacheTest, AnotherDeviceOrToolkitCompilesItsOwn) {
  EXPECT_EQ(first_call(90), "1 compiled");
  EXPECT_EQ(first_call(80), "1 compiled");
  toolkit = "2.0";
  EXPECT_EQ(first_call(90), "1 compiled");
  toolkit = "1.0";
  EXPECT_EQ(first_call(80), "0 compiled, from disk");
  EXPECT_EQ(first_call(90), "0 compiled, from disk");
  EXPECT_EQ(files().size(), 3u);
}

TEST_F(CudaPlanCacheTest, ADamagedImageIsMadeAgain) {
  EXPECT_EQ(first_call(), "1 compiled");
  const fs::path path = files()[0];
  fs::resize_file(path, fs::file_size(path) - 1);
  EXPECT_EQ(first_call(), "1 compiled");
  EXPECT_EQ(first_call(), "0 compiled, from disk");
}

}  // namespace
}  // namespace duet::testing
