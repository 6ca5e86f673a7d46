// SPDX-License-Identifier: Apache-2.0
// A command's streams over SPDY. Private to this folder.
#pragma once

#include "net/spdy/session.h"
#include "remotecommand/session.h"

namespace keelson::remotecommand {

// Accepts and answers the streams that a client opens for `options`; `with_resize`: the protocol is
// v3 or later. Errors: Unavailable when the client leaves first, Canceled.
Task<Result<CommandStreams>> accept_streams(net::SpdySession& session, CommandOptions options,
                                            bool with_resize);

// Opens them, in the order in which upstream's client does.
Task<Result<CommandStreams>> open_streams(net::SpdySession& session, CommandOptions options,
                                          bool with_resize);

// A client on the connection that a server has upgraded.
Task<Result<std::unique_ptr<CommandClient>>> start_command(net::HttpClient::Upgraded upgraded,
                                                           CommandOptions options);

}  // namespace keelson::remotecommand
