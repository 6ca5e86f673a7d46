// SPDX-License-Identifier: Apache-2.0
#include "nftables/netlink_socket.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <cstring>

namespace keelson::nft {

NetlinkSocket::NetlinkSocket() : socket_(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) {
  if (!socket_ || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) >= 0) return;
  mnl_socket_close(socket_);
  socket_ = nullptr;
}

NetlinkSocket::~NetlinkSocket() {
  if (socket_) mnl_socket_close(socket_);
}

int NetlinkSocket::descriptor() const { return mnl_socket_get_fd(socket_); }

Status netlink_failure(std::string_view what, int error) {
  return Status::unavailable("netfilter: " + std::string(what) + ": " + std::strerror(error));
}

}  // namespace keelson::nft
