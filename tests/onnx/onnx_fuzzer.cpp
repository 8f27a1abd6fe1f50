// libFuzzer's target for the reader of ONNX files: everything but a ParseError is a bug.
#include "duet/core/error.h"
#include "io/onnx_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    duet::io::parse_onnx_model("fuzz", {data, size});
  } catch (const duet::ParseError&) {
  }
  return 0;
}
