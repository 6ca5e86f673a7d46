// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/parameters.h"

#include <string>
#include <vector>

namespace keelson::apiserver {
namespace {

using boost::json::object;

constexpr ParameterSpec kList[] = {
    {"continue", "query", "string",
     "Where to go on: the continue value of the list before, with the same other parameters. An "
     "expired one is answered by 410 with another that goes on from the newest state."},
    {"fieldSelector", "query", "string", "Only objects whose fields match. All if empty."},
    {"labelSelector", "query", "string", "Only objects whose labels match. All if empty."},
    {"limit", "query", "integer",
     "At most so many objects. If there are more, the list's continue value gets the next ones; "
     "all "
     "pages together show one state. Not for watches."},
    {"resourceVersion", "query", "string",
     "How new the answer must be: unset, the newest; 0, any; otherwise as "
     "resourceVersionMatch says."},
    {"resourceVersionMatch", "query", "string",
     "How resourceVersion is meant: Exact or NotOlderThan."},
    {"sendInitialEvents", "query", "boolean",
     "With watch: begin with an event for each object there is, and end these with a bookmark that "
     "is annotated k8s.io/initial-events-end. Needs resourceVersionMatch=NotOlderThan."},
    {"timeoutSeconds", "query", "integer", "How long a list or a watch may take."},
};

constexpr ParameterSpec kWatch[] = {
    {"allowWatchBookmarks", "query", "boolean",
     "With watch: send BOOKMARK events now and then, which tell the current resource version."},
    {"watch", "query", "boolean", "Send changes as they come instead of a list."},
};

constexpr ParameterSpec kWrite[] = {
    {"dryRun", "query", "string",
     "All: do everything but keep the result. Other values are refused."},
    {"fieldManager", "query", "string",
     "The name of who makes the change, up to 128 characters. If unset, the first part of the user "
     "agent."},
    {"fieldValidation", "query", "string",
     "What becomes of unknown and of duplicate fields: Ignore drops them, Warn (the default) drops "
     "them with a warning, Strict refuses the request."},
};

constexpr ParameterSpec kDelete[] = {
    {"dryRun", "query", "string",
     "All: do everything but keep the result. Other values are refused."},
    {"gracePeriodSeconds", "query", "integer",
     "How long the object may take to end; 0: at once. If unset, the kind's own default."},
    {"ignoreStoreReadErrorWithClusterBreakingPotential", "query", "boolean",
     "Delete an object that cannot be read from the store. Nothing else that deletion does "
     "happens."},
    {"orphanDependents", "query", "boolean",
     "Deprecated, use propagationPolicy: whether dependents stay without their owner."},
    {"propagationPolicy", "query", "string",
     "What becomes of dependents: Orphan leaves them, Background deletes them afterwards, "
     "Foreground before the object itself."},
};

constexpr ParameterSpec kNamespace = {"namespace", "path", "string",
                                      "Name of the namespace that the object is in."};
constexpr ParameterSpec kName = {"name", "path", "string", "Name of the object."};
constexpr ParameterSpec kPretty = {"pretty", "query", "string",
                                   "true: the answer is laid out to be read by people."};
constexpr ParameterSpec kPath = {"path", "path", "string", "Path to go on with behind the proxy."};

}  // namespace

std::span<const ParameterSpec> list_parameters() { return kList; }
std::span<const ParameterSpec> watch_parameters() { return kWatch; }
std::span<const ParameterSpec> write_parameters() { return kWrite; }
std::span<const ParameterSpec> delete_parameters() { return kDelete; }
const ParameterSpec& namespace_parameter() { return kNamespace; }
const ParameterSpec& name_parameter() { return kName; }
const ParameterSpec& pretty_parameter() { return kPretty; }
const ParameterSpec& path_parameter() { return kPath; }

std::span<const ParameterSpec* const> shared_parameters() {
  static const std::vector<const ParameterSpec*> kAll = [] {
    std::map<std::string_view, const ParameterSpec*> by_name = {{kNamespace.name, &kNamespace},
                                                                {kName.name, &kName},
                                                                {kPretty.name, &kPretty},
                                                                {kPath.name, &kPath}};
    for (const auto set :
         {list_parameters(), watch_parameters(), write_parameters(), delete_parameters()}) {
      for (const ParameterSpec& parameter : set) by_name.emplace(parameter.name, &parameter);
    }
    std::vector<const ParameterSpec*> all;
    for (const auto& [name, parameter] : by_name) all.push_back(parameter);
    return all;
  }();
  return kAll;
}

object describe(const ParameterSpec& parameter, Dialect dialect) {
  object described{{"name", parameter.name}, {"in", parameter.in}};
  if (!parameter.doc.empty()) described["description"] = parameter.doc;
  if (parameter.in == "path") described["required"] = true;
  if (dialect == Dialect::V2) {
    described["type"] = parameter.type;
    described["uniqueItems"] = true;
  } else {
    described["schema"] = object{{"type", parameter.type}, {"uniqueItems", true}};
  }
  return described;
}

object use(const ParameterSpec& parameter, Dialect dialect) {
  if (dialect == Dialect::V3) return describe(parameter, dialect);
  return {{"$ref", "#/parameters/" + std::string(parameter.name)}};
}

}  // namespace keelson::apiserver
