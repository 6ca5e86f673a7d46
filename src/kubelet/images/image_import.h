// SPDX-License-Identifier: Apache-2.0
// Images from OCI archives: CRI cannot import, so containerd's own client program does it, into the
// namespace that CRI looks at.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"

namespace keelson::kubelet {

// A name and the digest of the manifest that it stands for.
struct NamedManifest {
  std::string name, digest;
  auto operator<=>(const NamedManifest&) const = default;
};

class ImageImporter {
 public:
  virtual ~ImageImporter() = default;
  // What is there already.
  virtual Task<Result<std::vector<NamedManifest>>> list() = 0;
  // archive_images(), where it holds nobody up.
  virtual Task<std::vector<NamedManifest>> read_index(std::string archive) = 0;
  // Errors: NotFound without the program, Timeout, InternalError with what it said.
  virtual Task<Result<void>> import(std::string archive) = 0;
};

// `socket` is containerd's. `block` runs work that waits on another thread.
std::unique_ptr<ImageImporter> make_ctr_importer(std::string socket,
                                                 std::function<void(Work)> block);

// The images of an OCI archive, maybe compressed by gzip, from its index.json; empty if it does not
// tell. Reads the file.
std::vector<NamedManifest> archive_images(const std::string& archive);

// Imports FOLDER/*.tar and *.tar.gz in the order of their names, but for archives of which all is
// there; failures are logged, and the others tried. Returns how many were imported. `importer`
// outlives the task.
Task<int> import_folder(ImageImporter& importer, std::string folder);

}  // namespace keelson::kubelet
