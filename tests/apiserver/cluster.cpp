// SPDX-License-Identifier: Apache-2.0
#include "cluster.h"

#include "api/codec/json.h"
#include "base/log.h"

namespace keelson::apiserver {

Task<Result<std::string>> FakeExchange::read_body(std::size_t limit_bytes) {
  if (request_.body.size() > limit_bytes) {
    co_return fail(Reason::RequestEntityTooLarge, "body too large");
  }
  co_return request_.body;
}

Task<Result<std::size_t>> FakeExchange::read_some(std::span<char>) { co_return std::size_t{0}; }

Task<Result<void>> FakeExchange::respond(net::HttpResponse answer) {
  response = std::move(answer);
  finished = true;
  co_return Result<void>{};
}

Task<Result<void>> FakeExchange::respond_shared(
    net::HttpResponse head, std::vector<std::shared_ptr<const std::string>> body) {
  response = std::move(head);
  for (const auto& part : body) {
    response.body += *part;
    chunks.push_back(part);
  }
  finished = true;
  co_return Result<void>{};
}

Task<Result<void>> FakeExchange::start(net::HttpResponse head) {
  response = std::move(head);
  co_return Result<void>{};
}

Task<Result<void>> FakeExchange::write(std::shared_ptr<const std::string> chunk) {
  if (closed_.stop_requested()) co_return fail(Status::unavailable("the peer has gone"));
  response.body += *chunk;
  chunks.push_back(std::move(chunk));
  co_return Result<void>{};
}

Task<Result<void>> FakeExchange::finish() {
  finished = true;
  co_return Result<void>{};
}

Task<Result<std::unique_ptr<net::Stream>>> FakeExchange::upgrade(net::HttpResponse) {
  co_return fail(Status::bad_request("no upgrade here"));
}

std::vector<api::Document> Streaming::events() {
  std::vector<api::Document> out;
  const std::string& body = exchange->response.body;
  while (true) {
    const auto end = body.find('\n', seen_);
    if (end == std::string::npos) return out;
    auto parsed = api::parse_json(std::string_view(body).substr(seen_, end - seen_));
    CHECK(parsed.has_value());
    out.push_back(*std::move(parsed));
    seen_ = end + 1;
  }
}

TestCluster::TestCluster(std::function<void(ApiServerOptions&)> adjust)
    : random(make_seeded_random(1)), store(store::make_memory_store(executor)) {
  ApiServerOptions options;
  options.store = store.get();
  options.executor = &executor;
  options.random = random.get();
  if (adjust) adjust(options);
  server = std::make_unique<ApiServer>(std::move(options));
  const auto started = run(server->start());
  if (!started) log_error("Could not start", {{"err", started.error().message()}});
  CHECK(started.has_value());
}

TestCluster::~TestCluster() {
  const auto finish = [](ApiServer& api_server, store::Store& backend) -> Task<bool> {
    co_await api_server.stop();
    co_await backend.stop();
    co_return true;
  };
  run(finish(*server, *store));
  executor.run_ready();
}

std::shared_ptr<FakeExchange> TestCluster::begin(std::string method, std::string target,
                                                 std::string body, net::Headers headers) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers = std::move(headers);
  if (!body.empty() && !request.headers.has("Content-Type")) {
    request.headers.add("Content-Type", "application/json");
  }
  request.body = std::move(body);
  auto exchange = std::make_shared<FakeExchange>(std::move(request));
  exchange->peer().has_certificate = !user.empty();
  exchange->peer().common_name = user;
  exchange->peer().organizations = groups;
  exchange->peer().certificate_error = certificate_error;
  spawn(executor, [](ApiServer& api_server, std::shared_ptr<FakeExchange> held) -> Task<void> {
    co_await api_server.handle(*held);
    held->handled = true;
  }(*server, exchange));
  return exchange;
}

Answer TestCluster::request(std::string method, std::string target, std::string body,
                            net::Headers headers) {
  const auto exchange =
      begin(std::move(method), std::move(target), std::move(body), std::move(headers));
  CHECK(executor.run_until([&] { return exchange->handled; }, std::chrono::minutes(5)));
  Answer answer{exchange->response.status, exchange->response.headers, exchange->response.body, {}};
  if (auto parsed = api::parse_json(answer.body)) answer.json = *std::move(parsed);
  return answer;
}

Streaming TestCluster::watch(std::string target, net::Headers headers) {
  Streaming streaming;
  streaming.exchange = begin("GET", std::move(target), {}, std::move(headers));
  executor.run_ready();
  return streaming;
}

std::string config_map(const std::string& name, const std::string& data,
                       const std::string& more_metadata) {
  return "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" + name + "\"" +
         more_metadata + "},\"data\":{" + data + "}}";
}

}  // namespace keelson::apiserver
