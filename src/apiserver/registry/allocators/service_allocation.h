// SPDX-License-Identifier: Apache-2.0
// Cluster IPs and ports of nodes for Services: each is given to one Service at a time.
// Source: upstream, pkg/registry/core/service/storage and its allocators; KEP-3070, KEP-3668.
#pragma once

#include <memory>

#include "apiserver/cache/cache_set.h"
#include "apiserver/context/cluster_settings.h"
#include "apiserver/registry/strategy.h"
#include "base/random.h"

namespace keelson::apiserver {

// What is in use is read from the cache at the first call. One server: others that share the store
// would have to be asked too. `settings` has an IPv4 range.
std::unique_ptr<Allocation> make_service_allocation(CacheSet& caches, Random& random,
                                                    const ClusterSettings& settings);

}  // namespace keelson::apiserver
