// SPDX-License-Identifier: Apache-2.0
#include "client/http_client.h"

#include <boost/json.hpp>
#include <charconv>
#include <deque>

#include "base/random.h"
#include "client/credentials.h"
#include "client/http_wire.h"
#include "net/tls.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;

// Upstream: client-go repeats a request that the server asks to repeat up to 10 times.
constexpr int kRetriesMax = 10;
// Upstream: reflectors let a watch live 5 to 10 minutes, so that watches move on to other servers.
constexpr int kWatchSeconds = 300;
constexpr std::size_t kWatchFrameBytesMax = 32 << 20;

// Adds what each request of one identity carries.
class IdentifiedClient final : public net::HttpClient {
 public:
  IdentifiedClient(net::Runtime& runtime, std::unique_ptr<net::HttpClient> transport,
                   ServerAddress address, HttpClientOptions options)
      : transport_(std::move(transport)),
        authority_(address.authority()),
        path_prefix_(std::move(address.path_prefix)),
        user_agent_(std::move(options.user_agent)),
        token_(runtime, std::move(options.connection.token),
               std::move(options.connection.token_file)) {}

  Task<Result<net::HttpResponse>> send(net::HttpRequest request, Duration timeout,
                                       std::size_t limit_bytes) override {
    identify(request);
    return transport_->send(std::move(request), timeout, limit_bytes);
  }
  Task<Result<std::unique_ptr<net::HttpBody>>> open(net::HttpRequest request) override {
    identify(request);
    return transport_->open(std::move(request));
  }
  Task<Result<Upgraded>> upgrade(net::HttpRequest request) override {
    identify(request);
    return transport_->upgrade(std::move(request));
  }

 private:
  void identify(net::HttpRequest& request) {
    if (!path_prefix_.empty()) request.target.insert(0, path_prefix_);
    if (request.authority.empty()) request.authority = authority_;
    if (!user_agent_.empty()) request.headers.set("User-Agent", user_agent_);
    if (const std::string token = token_.current(); !token.empty()) {
      request.headers.set("Authorization", "Bearer " + token);
    }
  }

  const std::unique_ptr<net::HttpClient> transport_;
  const std::string authority_, path_prefix_, user_agent_;
  BearerToken token_;
};

// Splits the body into lines, each a frame.
class HttpWatch final : public WatchStream {
 public:
  explicit HttpWatch(std::unique_ptr<net::HttpBody> body) : body_(std::move(body)) {}

  Task<Result<std::optional<std::vector<WatchEvent>>>> next() override {
    // What came before an error is told first.
    if (error_) co_return fail(*error_);
    std::vector<WatchEvent> events;
    while (events.empty()) {
      CO_TRY(std::string bytes, co_await body_->read());
      if (bytes.empty()) co_return std::optional<std::vector<WatchEvent>>();
      std::size_t scanned = buffer_.size();
      buffer_.append(bytes);
      std::size_t begin = 0;
      for (std::size_t end; (end = buffer_.find('\n', scanned)) != std::string::npos;) {
        const std::string_view line = std::string_view(buffer_).substr(begin, end - begin);
        begin = scanned = end + 1;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        auto event = parse_watch_frame(line);
        if (!event) {
          error_ = std::move(event).error();
          if (events.empty()) co_return fail(*error_);
          break;
        }
        events.push_back(*std::move(event));
      }
      buffer_.erase(0, begin);
      if (buffer_.size() > kWatchFrameBytesMax) {
        co_return fail(Status::unavailable("a watch event exceeds the limit of 32 MiB"));
      }
    }
    co_return std::optional(std::move(events));
  }

 private:
  const std::unique_ptr<net::HttpBody> body_;
  std::string buffer_;
  std::optional<Status> error_;
};

int retry_after_seconds(const net::HttpResponse& response) {
  const std::string_view text = response.headers.get("Retry-After");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return -1;
  return std::max(seconds, 0);
}

class HttpApiClient final : public Client {
 public:
  HttpApiClient(std::unique_ptr<net::HttpClient> http, Duration timeout)
      : http_(std::move(http)), timeout_(timeout), random_(make_system_random()) {}

  Task<Result<ObjectPtr>> get(const Resource& resource, ObjectKey key,
                              std::string subresource) override {
    return call_object("GET", resource_path(resource, key.namespace_, key.name, subresource), {},
                       {});
  }

  Task<Result<ObjectList>> list(const Resource& resource, std::string namespace_,
                                ListOptions options) override {
    CO_TRY(
        auto body,
        co_await call("GET", resource_path(resource, namespace_, {}, {}) + query_of(options).text(),
                      {}, {}));
    co_return parse_list(resource, body);
  }

  Task<Result<std::unique_ptr<WatchStream>>> watch(const Resource& resource, std::string namespace_,
                                                   WatchOptions options) override {
    Query query = query_of(options);
    query.add("timeoutSeconds",
              std::to_string(kWatchSeconds + static_cast<int>(random_->below(kWatchSeconds))));
    net::HttpRequest request;
    request.target = resource_path(resource, namespace_, {}, {}) + query.text();
    request.headers.set("Accept", "application/json");
    CO_TRY(auto body, co_await with_timeout(timeout_, http_->open(std::move(request))));
    const int code = body->head().status;
    if (code / 100 != 2) {
      std::string text;
      while (text.size() < 1 << 20) {
        CO_TRY(std::string more, co_await body->read());
        if (more.empty()) break;
        text += more;
      }
      co_return fail(status_of_response(code, text));
    }
    co_return std::unique_ptr<WatchStream>(std::make_unique<HttpWatch>(std::move(body)));
  }

  Task<Result<ObjectPtr>> create(const Resource& resource, ObjectKey key, boost::json::value object,
                                 WriteOptions options) override {
    const std::string name = options.subresource.empty() ? std::string() : key.name;
    return call_object("POST",
                       resource_path(resource, key.namespace_, name, options.subresource) +
                           query_of(options).text(),
                       "application/json", boost::json::serialize(object));
  }

  Task<Result<ObjectPtr>> update(const Resource& resource, ObjectKey key, boost::json::value object,
                                 WriteOptions options) override {
    return call_object("PUT",
                       resource_path(resource, key.namespace_, key.name, options.subresource) +
                           query_of(options).text(),
                       "application/json", boost::json::serialize(object));
  }

  Task<Result<ObjectPtr>> patch(const Resource& resource, ObjectKey key, PatchType type,
                                std::string patch, WriteOptions options) override {
    return call_object("PATCH",
                       resource_path(resource, key.namespace_, key.name, options.subresource) +
                           query_of(options).text(),
                       std::string(content_type_of(type)), std::move(patch));
  }

  Task<Result<ObjectPtr>> remove(const Resource& resource, ObjectKey key,
                                 DeleteOptions options) override {
    CO_TRY(auto object,
           co_await call_object("DELETE", resource_path(resource, key.namespace_, key.name, {}),
                                "application/json", body_of(options)));
    if (object && object->kind() == "Status") object = nullptr;
    co_return object;
  }

  Task<Result<void>> remove_collection(const Resource& resource, std::string namespace_,
                                       DeleteOptions options, ListOptions selection) override {
    CO_TRY([[maybe_unused]] auto body,
           co_await call("DELETE",
                         resource_path(resource, namespace_, {}, {}) + query_of(selection).text(),
                         "application/json", body_of(options)));
    co_return Result<void>{};
  }

 private:
  Task<Result<std::string>> call(std::string method, std::string target, std::string content_type,
                                 std::string body) {
    for (int attempt = 0;; ++attempt) {
      net::HttpRequest request;
      request.method = method;
      request.target = target;
      request.headers.set("Accept", "application/json");
      if (!content_type.empty()) request.headers.set("Content-Type", content_type);
      request.body = body;
      CO_TRY(auto response, co_await http_->send(std::move(request), timeout_));
      if (response.status / 100 == 2) co_return std::move(response.body);
      const int wait = retry_after_seconds(response);
      const bool passing = response.status == 429 || response.status >= 500;
      if (!passing || wait < 0 || attempt >= kRetriesMax) {
        co_return fail(status_of_response(response.status, response.body));
      }
      CO_TRY_OK(co_await sleep_for(std::chrono::seconds(wait)));
    }
  }

  Task<Result<ObjectPtr>> call_object(std::string method, std::string target,
                                      std::string content_type, std::string body) {
    CO_TRY(auto answer, co_await call(std::move(method), std::move(target), std::move(content_type),
                                      std::move(body)));
    if (answer.ends_with('\n')) answer.pop_back();
    co_return api::Object::from_json(std::move(answer));
  }

  const std::unique_ptr<net::HttpClient> http_;
  const Duration timeout_;
  const std::unique_ptr<Random> random_;
};

}  // namespace

Result<std::unique_ptr<net::HttpClient>> make_raw_client(net::Runtime& runtime,
                                                         HttpClientOptions options) {
  TRY(auto address, parse_server_address(options.connection.server));
  net::Origin origin;
  origin.host = address.host;
  origin.port = address.port;
  if (address.tls) {
    net::TlsClientOptions tls;
    tls.ca_pem = options.connection.ca_pem;
    tls.certificate_pem = options.connection.certificate_pem;
    tls.key_pem = options.connection.key_pem;
    tls.server_name = options.connection.tls_server_name;
    tls.insecure = options.connection.insecure;
    TRY(origin.tls, net::make_tls_client(tls));
  }
  auto transport = net::make_http_client(runtime, std::move(origin));
  return std::unique_ptr<net::HttpClient>(std::make_unique<IdentifiedClient>(
      runtime, std::move(transport), std::move(address), std::move(options)));
}

Result<std::unique_ptr<Client>> make_http_client(net::Runtime& runtime, HttpClientOptions options) {
  const Duration timeout = options.timeout;
  TRY(auto http, make_raw_client(runtime, std::move(options)));
  return std::unique_ptr<Client>(std::make_unique<HttpApiClient>(std::move(http), timeout));
}

}  // namespace keelson::client
