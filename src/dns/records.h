// SPDX-License-Identifier: Apache-2.0
// The cluster's zone, answered from local copies of Services and EndpointSlices.
// Source: Kubernetes DNS specification 1.1.
#pragma once

#include <optional>
#include <string>

#include "api/core/v1.h"
#include "api/discovery/v1.h"
#include "client/informer.h"
#include "dns/message.h"

namespace keelson::dns {

class Records {
 public:
  // Adds the indexes that lookups need; the informers outlive the records.
  Records(client::InformerSet& informers, std::string cluster_domain);

  // Nothing: the name is not ours, ask elsewhere.
  std::optional<Answer> answer(const Query& query) const;

 private:
  using Slices = std::vector<std::shared_ptr<const discovery::v1::EndpointSlice>>;

  // The addresses of the name server itself; `query` null: all, else those it asks for.
  void add_name_server(std::vector<Record>& to, const Query* query) const;
  void answer_service(std::string_view relative, const Query& query, Answer& answer) const;
  void answer_cluster_ip(const core::v1::Service& service, const Query& query,
                         Answer& answer) const;
  void answer_headless(const core::v1::Service& service, const Slices& slices,
                       std::string_view host, const Query& query, Answer& answer) const;
  void answer_srv(const core::v1::Service& service, const Slices& slices, std::string_view port,
                  std::string_view protocol, const Query& query, Answer& answer) const;
  void answer_pod(std::string_view relative, const Query& query, Answer& answer) const;
  std::optional<Answer> answer_reverse(const Query& query) const;
  Slices slices_of(const core::v1::Service& service) const;
  std::string service_name(const core::v1::Service& service) const;
  Record soa() const;

  client::Informer& services_;
  client::Informer& slices_;
  client::Informer& namespaces_;
  const std::string domain_;
};

}  // namespace keelson::dns
