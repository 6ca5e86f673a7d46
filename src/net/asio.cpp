// SPDX-License-Identifier: Apache-2.0
// Boost.Asio itself, compiled once.
#include <boost/asio/impl/src.hpp>
