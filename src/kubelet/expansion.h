// SPDX-License-Identifier: Apache-2.0
// $(NAME) in commands, arguments and values of environment variables.
// Source: API reference of core/v1, Container.command.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace keelson::kubelet {

using Variables = std::map<std::string, std::string, std::less<>>;

// Replaces $(NAME) by the value of NAME; where none of `scopes` (the first that knows it counts)
// has it, the reference stays as it is. $$ stands for $, so $$(NAME) gives $(NAME).
std::string expand(std::string_view text, std::initializer_list<const Variables*> scopes);

}  // namespace keelson::kubelet
