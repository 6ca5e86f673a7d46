// SPDX-License-Identifier: Apache-2.0
// The text that the container runtime reads. Source: CNI specification 0.4.0, and the plugins
// bridge, host-local and portmap.
#include <gtest/gtest.h>

#include "network/node_network.h"

namespace keelson::network {
namespace {

NodeNetworkOptions options() {
  NodeNetworkOptions made;
  made.bridge = "keelson7";
  made.ipam_dir = "/data/ipam";
  return made;
}

TEST(CniConfig, IsAListOfABridgeAndPortMappings) {
  const auto config = boost::json::parse(cni_config(options(), "10.42.3.0/24"));

  EXPECT_EQ(config, boost::json::parse(R"({
    "cniVersion": "0.4.0",
    "name": "keelson",
    "plugins": [
      {"type": "bridge", "bridge": "keelson7", "isGateway": true, "isDefaultGateway": true,
       "hairpinMode": true, "ipMasq": false,
       "ipam": {"type": "host-local", "dataDir": "/data/ipam",
                "ranges": [[{"subnet": "10.42.3.0/24"}]]}},
      {"type": "portmap", "capabilities": {"portMappings": true}}
    ]})"));
}

TEST(CniConfig, NamesAnMtuOnlyWhenOneIsAskedFor) {
  auto with_mtu = options();
  with_mtu.mtu = 1450;

  const auto config = boost::json::parse(cni_config(with_mtu, "10.42.3.0/24"));
  const auto without = boost::json::parse(cni_config(options(), "10.42.3.0/24"));

  EXPECT_EQ(config.at_pointer("/plugins/0/mtu"), boost::json::value(1450));
  EXPECT_FALSE(without.at_pointer("/plugins/0").as_object().contains("mtu"));
}

}  // namespace
}  // namespace keelson::network
