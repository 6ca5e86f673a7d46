// SPDX-License-Identifier: Apache-2.0
// Source: upstream, validateKeyToPath, validateProjectionSources and validateDownwardAPIVolumeFile.
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::KeyToPath;
using core::v1::Volume;
using core::v1::VolumeProjection;

void check_items(const std::vector<KeyToPath>& items, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const FieldPath at = path.index(i);
    if (items[i].key.empty()) errors.required(at.child("key"));
    if (items[i].path.empty()) errors.required(at.child("path"));
    check_file_path(items[i].path, at.child("path"), errors);
    check_file_mode(items[i].mode, at.child("mode"), errors);
  }
}

constexpr std::int64_t kTokenSecondsMin = 600;
constexpr std::int64_t kTokenSecondsMax = std::int64_t{1} << 32;

// `volume_path`: upstream looks for the token's file there.
void check_token(const core::v1::ServiceAccountTokenProjection& token, const PodRules& rules,
                 const FieldPath& path, const FieldPath& volume_path, FieldErrors& errors) {
  const std::int64_t seconds = token.expirationSeconds.value_or(kTokenSecondsMin);
  if (seconds < kTokenSecondsMin) {
    errors.invalid(path.child("expirationSeconds"), seconds,
                   "may not specify a duration less than 10 minutes");
  }
  if (seconds > kTokenSecondsMax) {
    errors.invalid(path.child("expirationSeconds"), seconds,
                   "may not specify a duration larger than 2^32 seconds");
  }
  if (token.path.empty()) {
    errors.required(volume_path.child("path"));
  } else if (!rules.any_token_path) {
    check_file_path(token.path, volume_path.child("path"), errors);
  }
}

// The files of one volume, of which no two may have the same path.
class ProjectedFiles {
 public:
  ProjectedFiles(const FieldPath& volume_path, FieldErrors& errors)
      : volume_path_(volume_path), errors_(errors) {}

  // `shown` stands for it in the message.
  void add(const std::string& path, const std::string& shown) {
    if (path.empty() || paths_.insert(path).second) return;
    errors_.invalid(volume_path_, shown, "conflicting duplicate paths");
  }

 private:
  const FieldPath& volume_path_;
  FieldErrors& errors_;
  NameSet paths_;
};

// Of a secret or a config map.
template <class Source>
void check_keys(const Source& source, ProjectedFiles& files, const FieldPath& path,
                FieldErrors& errors) {
  if (source.name.empty()) errors.required(path.child("name"));
  check_items(source.items, path.child("items"), errors);
  for (const KeyToPath& item : source.items) files.add(item.path, source.name);
}

void check_projection(const VolumeProjection& source, const PodRules& rules, ProjectedFiles& files,
                      const FieldPath& path, const FieldPath& volume_path, FieldErrors& errors) {
  int kinds = 0;
  if (source.secret) {
    ++kinds;
    check_keys(*source.secret, files, path.child("secret"), errors);
  }
  if (source.configMap) {
    ++kinds;
    check_keys(*source.configMap, files, path.child("configMap"), errors);
  }
  if (source.downwardAPI) {
    ++kinds;
    for (const auto& file : source.downwardAPI->items) {
      check_downward_file(file, path.child("downwardAPI"), errors);
      files.add(file.path, file.path);
    }
  }
  if (source.serviceAccountToken) {
    ++kinds;
    check_token(*source.serviceAccountToken, rules, path.child("serviceAccountToken"), volume_path,
                errors);
  }
  if (source.clusterTrustBundle) ++kinds;
  if (source.podCertificate) ++kinds;
  // None at all is as good as no source, here as upstream.
  if (kinds > 1) errors.forbidden(path, "may not specify more than 1 volume type per source");
}

void check_projected(const core::v1::ProjectedVolumeSource& projected, const PodRules& rules,
                     const FieldPath& path, FieldErrors& errors) {
  check_file_mode(projected.defaultMode, path.child("defaultMode"), errors);
  ProjectedFiles files(path, errors);
  for (std::size_t i = 0; i < projected.sources.size(); ++i) {
    check_projection(projected.sources[i], rules, files, path.child("sources").index(i), path,
                     errors);
  }
}

}  // namespace

void check_file_mode(const std::optional<std::int32_t>& mode, const FieldPath& path,
                     FieldErrors& errors) {
  if (mode && (*mode < 0 || *mode > 0777)) {
    errors.invalid(path, *mode, "must be a number between 0 and 0777 (octal), both inclusive");
  }
}

bool has_backsteps(std::string_view text) {
  return ("/" + std::string(text) + "/").find("/../") != std::string::npos;
}

void check_descending_path(const std::string& text, const FieldPath& path, FieldErrors& errors) {
  if (text.starts_with('/')) errors.invalid(path, text, "must be a relative path");
  if (has_backsteps(text)) errors.invalid(path, text, "must not contain '..'");
}

void check_file_path(const std::string& text, const FieldPath& path, FieldErrors& errors) {
  check_descending_path(text, path, errors);
  if (text.starts_with("..") && !text.starts_with("../")) {
    errors.invalid(path, text, "must not start with '..'");
  }
}

void check_file_source(const Volume& volume, const PodRules& rules, const FieldPath& path,
                       FieldErrors& errors) {
  if (volume.secret) {
    const FieldPath at = path.child("secret");
    if (volume.secret->secretName.empty()) errors.required(at.child("secretName"));
    check_file_mode(volume.secret->defaultMode, at.child("defaultMode"), errors);
    check_items(volume.secret->items, at.child("items"), errors);
  }
  if (volume.configMap) {
    const FieldPath at = path.child("configMap");
    if (volume.configMap->name.empty()) errors.required(at.child("name"));
    check_file_mode(volume.configMap->defaultMode, at.child("defaultMode"), errors);
    check_items(volume.configMap->items, at.child("items"), errors);
  }
  if (volume.downwardAPI) {
    const FieldPath at = path.child("downwardAPI");
    check_file_mode(volume.downwardAPI->defaultMode, at.child("defaultMode"), errors);
    // Source: upstream, which does not say which file it is.
    for (const auto& file : volume.downwardAPI->items) check_downward_file(file, at, errors);
  }
  if (volume.projected) check_projected(*volume.projected, rules, path.child("projected"), errors);
}

bool breaks_token_path(const core::v1::PodSpec& spec) {
  FieldErrors errors;
  for (const Volume& volume : spec.volumes) {
    if (!volume.projected) continue;
    for (const auto& source : volume.projected->sources) {
      if (source.serviceAccountToken) check_file_path(source.serviceAccountToken->path, {}, errors);
    }
  }
  return !errors.empty();
}

}  // namespace keelson::apiserver
