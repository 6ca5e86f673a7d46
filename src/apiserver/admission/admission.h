// SPDX-License-Identifier: Apache-2.0
// What happens to a write between authorization and validation: plugins change it, then plugins
// judge it. Source: Kubernetes documentation, "Admission Control".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/document.h"
#include "api/object.h"
#include "apiserver/context/request.h"
#include "base/task.h"

namespace keelson::apiserver {

enum class Operation : std::uint8_t { Create, Update, Delete, Connect };

struct AdmissionRequest {
  CallContext& call;
  Operation operation;
  const api::Resource& resource;
  api::ObjectKey key;               // name may be empty for a create with generateName.
  api::Document* object = nullptr;  // The new state; null for Delete.
  api::ObjectPtr before;            // The old state; null for Create.
};

class AdmissionPlugin {
 public:
  virtual ~AdmissionPlugin() = default;
  virtual std::string_view name() const = 0;
  // May change *request.object. Errors: Forbidden, Invalid, ...: the write fails with them.
  virtual Task<Result<void>> admit(AdmissionRequest& request);
  // Must not change anything.
  virtual Task<Result<void>> validate(const AdmissionRequest& request);
};

// In order: all admit(), and later, after validation of the object, all validate().
class AdmissionChain {
 public:
  explicit AdmissionChain(std::vector<std::unique_ptr<AdmissionPlugin>> plugins);
  Task<Result<void>> admit(AdmissionRequest& request) const;
  Task<Result<void>> validate(const AdmissionRequest& request) const;

 private:
  std::vector<std::unique_ptr<AdmissionPlugin>> plugins_;
};

}  // namespace keelson::apiserver
