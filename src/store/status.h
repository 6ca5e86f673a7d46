// SPDX-License-Identifier: Apache-2.0
// What all backends refuse, and the words for it. Where etcd has words, they are etcd's: upstream's
// clients and operators know them.
#pragma once

#include "store/store.h"

namespace keelson::store {

// Errors: BadRequest, RequestEntityTooLarge, as Store::commit says.
Result<void> validate(const Transaction& transaction);

Status compacted_error();
Status future_error();
Status conflict_error(std::string_view key);
Status stopped_error();

// The whole second, since 1970, at which a key written `now` with `ttl` is to be deleted; 0 without
// ttl. Rounded up, so that no key goes early.
std::int64_t expiry_of(Wall now, std::chrono::seconds ttl);
// The latest such second that has come.
std::int64_t expired_through(Wall now);

}  // namespace keelson::store
