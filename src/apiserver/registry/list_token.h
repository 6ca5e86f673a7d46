// SPDX-License-Identifier: Apache-2.0
// Where a list in pieces goes on. Opaque to clients, but of upstream's form, so that a client may
// carry one from server to server: base64 of {"v":"meta.k8s.io/v1","rv":N,"start":"ns/name\0"}.
#pragma once

#include <string>
#include <string_view>

#include "api/object.h"
#include "base/result.h"
#include "store/store.h"

namespace keelson::apiserver {

struct ListToken {
  // 0 is never one; -1: the newest, for the rest of a list whose own revision is gone.
  store::Revision revision = 0;
  // The first key that has not been listed, below the prefix of the list.
  std::string start;

  std::string text() const;
  // Errors: BadRequest ("continue key is not valid: ...").
  static Result<ListToken> parse(std::string_view text);
};

}  // namespace keelson::apiserver
