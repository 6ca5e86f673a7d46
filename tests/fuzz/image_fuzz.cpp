// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include "kubelet/images/image_import.h"
#include "kubelet/images/image_name.h"

// The input as an archive, an image's name, and credentials for registries.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const int file = memfd_create("archive", MFD_CLOEXEC);
  CHECK(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
  (void)kubelet::archive_images("/proc/self/fd/" + std::to_string(file));

  // What is accepted is read the same again.
  if (const auto name = kubelet::parse_image_name(bytes)) {
    const auto again = kubelet::parse_image_name(name->text());
    CHECK(again && again->text() == name->text());
  }
  const auto image = kubelet::parse_image_name("registry.example:5000/a/b:1").value();
  (void)kubelet::find_credentials(bytes, image);
  return 0;
}
