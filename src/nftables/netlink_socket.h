// SPDX-License-Identifier: Apache-2.0
// A socket to the kernel's netfilter.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

struct mnl_socket;

namespace keelson::nft {

class NetlinkSocket {
 public:
  NetlinkSocket();
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  bool is_open() const { return socket_ != nullptr; }
  mnl_socket* get() const { return socket_; }
  int descriptor() const;

 private:
  mnl_socket* socket_;
};

// Unavailable, with the text of `error`, an errno.
Status netlink_failure(std::string_view what, int error);

}  // namespace keelson::nft
