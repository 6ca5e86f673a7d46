// SPDX-License-Identifier: Apache-2.0
// Defaults of resource.k8s.io, in all its versions.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"resource/v1.ExactDeviceRequest", "allocationMode", When::Empty, R"("ExactCount")"},
    {"resource/v1.DeviceSubRequest", "allocationMode", When::Empty, R"("ExactCount")"},
    {"resource/v1.NodeAllocatableResourceMapping", "allocationMultiplier", When::Nil, R"("1")"},
    {"resource/v1beta2.ExactDeviceRequest", "allocationMode", When::Empty, R"("ExactCount")"},
    {"resource/v1beta2.DeviceSubRequest", "allocationMode", When::Empty, R"("ExactCount")"},
    {"resource/v1beta2.NodeAllocatableResourceMapping", "allocationMultiplier", When::Nil,
     R"("1")"},
    {"resource/v1beta1.DeviceSubRequest", "allocationMode", When::Empty, R"("ExactCount")"},
    {"resource/v1beta1.NodeAllocatableResourceMapping", "allocationMultiplier", When::Nil,
     R"("1")"},
};

void count(object& value, const Context&) {
  if (text_of(value, "allocationMode") == "ExactCount") fill(value, "count", When::Zero, 1);
}

// In this version a request either names a class itself or lists alternatives, which have modes of
// their own.
void device_request_v1beta1(object& value, const Context& context) {
  if (is_left_out(value, "deviceClassName", When::Empty)) return;
  fill(value, "allocationMode", When::Empty, "ExactCount");
  count(value, context);
}

void taint(object& value, const Context& context) {
  if (context.now.is_set()) fill(value, "timeAdded", When::Nil, Document(context.now.text()));
}

constexpr Function kFunctions[] = {
    {"resource/v1.ExactDeviceRequest", count},
    {"resource/v1.DeviceSubRequest", count},
    {"resource/v1.DeviceTaint", taint},
    {"resource/v1beta2.ExactDeviceRequest", count},
    {"resource/v1beta2.DeviceSubRequest", count},
    {"resource/v1beta2.DeviceTaint", taint},
    {"resource/v1beta1.DeviceRequest", device_request_v1beta1},
    {"resource/v1beta1.DeviceSubRequest", count},
    {"resource/v1beta1.DeviceTaint", taint},
    {"resource/v1alpha3.DeviceTaint", taint},
};

}  // namespace

const Rules kResourceRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
