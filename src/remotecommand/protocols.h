// SPDX-License-Identifier: Apache-2.0
// Names of protocols, headers and channels. Private to this folder. Source: apimachinery
// util/remotecommand and util/portforward constants, k8s.io/api core/v1 StreamType.
#pragma once

#include <array>
#include <string_view>

namespace keelson::remotecommand {

inline constexpr std::string_view kV5 = "v5.channel.k8s.io";
inline constexpr std::string_view kV4 = "v4.channel.k8s.io";
inline constexpr std::string_view kV3 = "v3.channel.k8s.io";
inline constexpr std::string_view kV2 = "v2.channel.k8s.io";
inline constexpr std::string_view kV1 = "channel.k8s.io";
inline constexpr std::string_view kV4Base64 = "v4.base64.channel.k8s.io";
inline constexpr std::string_view kV1Base64 = "base64.channel.k8s.io";
inline constexpr std::string_view kPortForward = "portforward.k8s.io";
inline constexpr std::string_view kPortForwardTunnel = "SPDY/3.1+portforward.k8s.io";

inline constexpr std::array kCommandSpdyProtocols{kV4, kV3, kV2, kV1};
inline constexpr std::array kCommandWebSocketProtocols{kV5, kV4,       kV4Base64,
                                                       kV1, kV1Base64, std::string_view()};
inline constexpr std::array kPortForwardSpdyProtocols{kPortForward};
inline constexpr std::array kPortForwardWebSocketProtocols{kPortForwardTunnel, kV4, kV4Base64,
                                                           std::string_view()};

inline constexpr std::string_view kStreamType = "streamType";
inline constexpr std::string_view kPort = "port";
inline constexpr std::string_view kRequestId = "requestID";

// Channels of a command over WebSocket.
inline constexpr std::size_t kStdinChannel = 0;
inline constexpr std::size_t kStdoutChannel = 1;
inline constexpr std::size_t kStderrChannel = 2;
inline constexpr std::size_t kErrorChannel = 3;
inline constexpr std::size_t kResizeChannel = 4;

}  // namespace keelson::remotecommand
