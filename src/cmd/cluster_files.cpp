// SPDX-License-Identifier: Apache-2.0
#include "cmd/cluster_files.h"

#include <algorithm>

namespace keelson::cmd {
namespace {

// Made anew this long before it ends, so that a server that is restarted now and then never meets
// the end.
constexpr Duration kRenewBefore = std::chrono::hours(24 * 30);

bool covers(const pki::CertificateInfo& info, const pki::CertificateOptions& options, Wall now) {
  const auto all_in = [](const std::vector<std::string>& wanted,
                         const std::vector<std::string>& present) {
    return std::ranges::all_of(wanted, [&present](const std::string& name) {
      return std::ranges::find(present, name) != present.end();
    });
  };
  return info.common_name == options.common_name && now + kRenewBefore < info.not_after &&
         all_in(options.dns_names, info.dns_names) &&
         all_in(options.ip_addresses, info.ip_addresses);
}

Result<pki::KeyPair> ensure_pair(const std::string& base, const pki::KeyPair& ca,
                                 const pki::CertificateOptions& options, Wall now) {
  auto present = pki::load_pair(base + ".crt", base + ".key");
  if (present) {
    const auto info = pki::parse_certificate(present->certificate_pem);
    const auto authority = pki::parse_certificate(ca.certificate_pem);
    if (info && authority && info->issuer_common_name == authority->common_name &&
        covers(*info, options, now))
      return present;
  } else if (!present.error().is(Reason::NotFound)) {
    return present;
  }
  TRY(auto pair, pki::issue(ca, options, now));
  TRY_OK(pki::save_pair(pair, base + ".crt", base + ".key"));
  return pair;
}

}  // namespace

Result<ClusterFiles> ensure_cluster_files(const std::string& data_dir,
                                          const std::vector<std::string>& names,
                                          const std::vector<std::string>& addresses, Wall now) {
  const std::string folder = data_dir + "/server/pki";
  ClusterFiles files;
  if (auto ca = pki::load_pair(folder + "/ca.crt", folder + "/ca.key")) {
    files.ca = std::move(*ca);
  } else {
    // A damaged authority is never replaced silently: every client trusts the old one.
    if (!ca.error().is(Reason::NotFound)) return fail(std::move(ca).error());
    TRY(files.ca, pki::make_ca("kubernetes", now));
    TRY_OK(pki::save_pair(files.ca, folder + "/ca.crt", folder + "/ca.key"));
  }
  TRY(files.serving, ensure_pair(folder + "/apiserver", files.ca,
                                 {.common_name = "kube-apiserver",
                                  .dns_names = names,
                                  .ip_addresses = addresses,
                                  .server = true},
                                 now));
  TRY(files.kubelet_client, ensure_pair(folder + "/apiserver-kubelet-client", files.ca,
                                        {.common_name = "kube-apiserver-kubelet-client",
                                         .organizations = {"kubeadm:cluster-admins"},
                                         .client = true},
                                        now));
  if (auto key = pki::read_file(folder + "/sa.key")) {
    files.service_account_key = std::move(*key);
  } else {
    if (!key.error().is(Reason::NotFound)) return fail(std::move(key).error());
    TRY(files.service_account_key, pki::make_key());
    TRY_OK(pki::write_file(folder + "/sa.key", files.service_account_key, 0600));
    TRY(const auto pub, pki::public_key_pem(files.service_account_key));
    TRY_OK(pki::write_file(folder + "/sa.pub", pub, 0644));
  }
  return files;
}

Result<pki::KeyPair> issue_client(const pki::KeyPair& ca, const std::string& common_name,
                                  const std::vector<std::string>& organizations, Wall now) {
  return pki::issue(
      ca, {.common_name = common_name, .organizations = organizations, .client = true}, now);
}

Result<pki::KeyPair> ensure_kubelet_serving(const std::string& data_dir, const pki::KeyPair& ca,
                                            const std::string& node_name,
                                            const std::vector<std::string>& addresses, Wall now) {
  return ensure_pair(data_dir + "/agent/pki/kubelet", ca,
                     {.common_name = "system:node:" + node_name,
                      .organizations = {"system:nodes"},
                      .dns_names = {node_name},
                      .ip_addresses = addresses,
                      .server = true},
                     now);
}

}  // namespace keelson::cmd
