// SPDX-License-Identifier: Apache-2.0
// A port-forward client on a connection that a server has upgraded to SPDY. Private to this folder.
#pragma once

#include "remotecommand/port_forward.h"

namespace keelson::remotecommand {

std::unique_ptr<PortForwardClient> start_port_forward(Executor& executor,
                                                      std::unique_ptr<net::Stream> stream);

}  // namespace keelson::remotecommand
