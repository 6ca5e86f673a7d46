// SPDX-License-Identifier: Apache-2.0
#include "controllers/deployment/revisions.h"

#include <algorithm>
#include <charconv>

#include "api/codec/json.h"
#include "controllers/ownership.h"

namespace keelson::controllers::deployment {
namespace {

constexpr std::size_t kHistoryMax = 2000;  // Characters; upstream: maxRevHistoryLengthInChars.

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

// The hash label is in every set's template and in no deployment's.
bool same_template(const core::v1::PodTemplateSpec& a, core::v1::PodTemplateSpec b) {
  b.metadata.labels.erase(std::string(kTemplateHash));
  core::v1::PodTemplateSpec plain = a;
  plain.metadata.labels.erase(std::string(kTemplateHash));
  return plain == b;
}

// Annotations that belong to the set or to the client's last apply, not to be copied between them.
bool stays_behind(std::string_view annotation) {
  return annotation == "kubectl.kubernetes.io/last-applied-configuration" ||
         annotation == kRevision || annotation == kRevisionHistory ||
         annotation == kDesiredReplicas || annotation == kMaxReplicas ||
         annotation == "deprecated.deployment.rollback.to";
}

}  // namespace

bool older(const ReplicaSetPtr& a, const ReplicaSetPtr& b) {
  if (a->metadata.creationTimestamp != b->metadata.creationTimestamp)
    return a->metadata.creationTimestamp < b->metadata.creationTimestamp;
  return a->metadata.name < b->metadata.name;
}

std::string template_hash(const core::v1::PodTemplateSpec& pod_template, int collisions) {
  // FNV-1a over the canonical JSON. Upstream hashes a Go dump; the value is opaque to everybody.
  std::uint32_t hash = 2166136261u;
  const auto mix = [&hash](std::string_view bytes) {
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619u;
  };
  mix(api::encode_json(pod_template));
  if (collisions) mix(std::to_string(collisions));
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  for (const char digit : std::to_string(hash))
    text += kAlphabet[static_cast<unsigned char>(digit) % kAlphabet.size()];
  return text;
}

ReplicaSetPtr find_new(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets) {
  ReplicaSetPtr found;
  for (const auto& set : sets) {
    if (same_template(deployment.spec.template_, set->spec.template_) &&
        (!found || older(set, found)))
      found = set;
  }
  return found;
}

std::vector<ReplicaSetPtr> find_old(const ReplicaSetPtr& current,
                                    const std::vector<ReplicaSetPtr>& sets) {
  std::vector<ReplicaSetPtr> old;
  for (const auto& set : sets) {
    if (!current || set->metadata.uid != current->metadata.uid) old.push_back(set);
  }
  return old;
}

std::int64_t revision(const meta::v1::ObjectMeta& metadata) {
  const auto found = metadata.annotations.find(kRevision);
  return found == metadata.annotations.end() ? 0 : number(found->second);
}

std::int64_t highest_revision(const std::vector<ReplicaSetPtr>& sets) {
  std::int64_t highest = 0;
  for (const auto& set : sets) highest = std::max(highest, revision(set->metadata));
  return highest;
}

ReplicaSet make_new(const Deployment& deployment, std::int64_t revision_number, int replicas) {
  const std::string hash =
      template_hash(deployment.spec.template_, deployment.status.collisionCount.value_or(0));
  ReplicaSet set;
  set.metadata.name = deployment.metadata.name + "-" + hash;
  set.metadata.namespace_ = deployment.metadata.namespace_;
  set.metadata.labels = deployment.spec.template_.metadata.labels;
  set.metadata.labels[std::string(kTemplateHash)] = hash;
  set.metadata.ownerReferences.push_back(controller_reference(deployment));
  set.spec.replicas = replicas;
  set.spec.minReadySeconds = deployment.spec.minReadySeconds;
  set.spec.selector = deployment.spec.selector;
  set.spec.selector.ensure().matchLabels[std::string(kTemplateHash)] = hash;
  set.spec.template_ = deployment.spec.template_;
  set.spec.template_.metadata.labels[std::string(kTemplateHash)] = hash;
  refresh_annotations(deployment, revision_number, true, set);
  return set;
}

bool refresh_annotations(const Deployment& deployment, std::int64_t revision_number, bool is_new,
                         ReplicaSet& set) {
  bool changed = false;
  auto& annotations = set.metadata.annotations;
  if (is_new) {
    for (const auto& [key, value] : deployment.metadata.annotations) {
      if (stays_behind(key)) continue;
      const auto found = annotations.find(key);
      if (found != annotations.end() && found->second == value) continue;
      annotations[key] = value;
      changed = true;
    }
  }
  const std::int64_t old = revision(set.metadata);
  if (old < revision_number) {
    // A rollback gives an old set a new number; the old ones stay readable.
    if (old > 0) {
      std::string& history = annotations[std::string(kRevisionHistory)];
      if (!history.empty()) history += ",";
      history += std::to_string(old);
      // The oldest numbers make room.
      while (history.size() > kHistoryMax) history.erase(0, history.find(',') + 1);
    }
    annotations[std::string(kRevision)] = std::to_string(revision_number);
    changed = true;
  }
  return changed;
}

bool set_size_annotations(ReplicaSet& set, int desired, int most) {
  bool changed = false;
  for (const auto& [key, value] :
       {std::pair(kDesiredReplicas, desired), std::pair(kMaxReplicas, most)}) {
    std::string& text = set.metadata.annotations[std::string(key)];
    if (text == std::to_string(value)) continue;
    text = std::to_string(value);
    changed = true;
  }
  return changed;
}

std::optional<int> annotated_number(const ReplicaSet& set, std::string_view annotation) {
  const auto found = set.metadata.annotations.find(annotation);
  if (found == set.metadata.annotations.end()) return std::nullopt;
  return static_cast<int>(number(found->second));
}

std::vector<ReplicaSetPtr> beyond_history(const Deployment& deployment,
                                          const std::vector<ReplicaSetPtr>& old) {
  const auto limit = deployment.spec.revisionHistoryLimit.value_or(10);
  std::vector<ReplicaSetPtr> beyond;
  for (const auto& set : old) {
    if (!set->metadata.deletionTimestamp) beyond.push_back(set);
  }
  const auto surplus = static_cast<std::int64_t>(beyond.size()) - limit;
  if (surplus <= 0) return {};
  std::ranges::sort(beyond, [](const auto& a, const auto& b) {
    const auto left = revision(a->metadata), right = revision(b->metadata);
    return left != right ? left < right : older(a, b);
  });
  beyond.resize(static_cast<std::size_t>(surplus));
  // Those with pods count towards the limit, but stay.
  std::erase_if(beyond, [](const ReplicaSetPtr& set) {
    return set->status.replicas != 0 || set->spec.replicas.value_or(1) != 0 ||
           set->metadata.generation > set->status.observedGeneration;
  });
  return beyond;
}

}  // namespace keelson::controllers::deployment
