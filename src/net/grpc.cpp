// SPDX-License-Identifier: Apache-2.0
#include "net/grpc.h"

#include <nghttp2/nghttp2.h>

#include "base/sync.h"
#include "net/http_dial.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPrefixSize = 5;  // One byte of flags, four of length.
constexpr std::size_t kMessageMax = 256 << 20;

std::string framed(std::string_view message) {
  std::string frame(kPrefixSize, '\0');
  const auto size = static_cast<std::uint32_t>(message.size());
  for (std::size_t i = 0; i < 4; ++i) frame[1 + i] = static_cast<char>(size >> (24 - 8 * i) & 0xff);
  frame += message;
  return frame;
}

// "PROTOCOL-HTTP2", Status-Message: percent-encoded, and shown as it is where it is not.
std::string decoded_message(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      decoded.push_back(static_cast<char>(value));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

// Source: grpc "statuscodes".
Reason reason_of(int code) {
  switch (code) {
    case 1:
      return Reason::Canceled;
    case 3:
      return Reason::BadRequest;
    case 4:
      return Reason::Timeout;
    case 5:
      return Reason::NotFound;
    case 6:
      return Reason::AlreadyExists;
    case 7:
      return Reason::Forbidden;
    case 8:
      return Reason::TooManyRequests;
    case 12:
      return Reason::NotImplemented;
    case 14:
      return Reason::ServiceUnavailable;
    case 16:
      return Reason::Unauthorized;
    default:
      return Reason::InternalError;
  }
}

// The outcome that the trailers tell (or the head, of a call that failed at once).
Result<void> outcome_of(const Headers& fields) {
  int code = 2;
  const std::string_view text = fields.get("grpc-status");
  std::from_chars(text.data(), text.data() + text.size(), code);
  if (code == 0) return {};
  std::string message = decoded_message(fields.get("grpc-message"));
  if (text.empty()) message = "the call ended without a status";
  // A call that the peer canceled is no request of ours to stop.
  const Reason reason = code == 1 ? Reason::ServiceUnavailable : reason_of(code);
  return fail(reason, std::move(message));
}

// Source: grpc "http-grpc-status-mapping".
Status status_of_http(int status) {
  const Reason reason = status == 401                        ? Reason::Unauthorized
                        : status == 403                      ? Reason::Forbidden
                        : status == 404                      ? Reason::NotImplemented
                        : status == 429 || status / 100 == 5 ? Reason::ServiceUnavailable
                                                             : Reason::InternalError;
  return Status(reason,
                "unexpected HTTP status code received from server: " + std::to_string(status));
}

class Call final : public GrpcStream {
 public:
  Call(std::shared_ptr<Http2Session> session, std::shared_ptr<Http2Stream> stream)
      : session_(std::move(session)), stream_(std::move(stream)) {}
  ~Call() override { session_->reset(*stream_, NGHTTP2_CANCEL); }

  Task<Result<void>> send(std::string message) override {
    std::vector<Bytes> frames{std::make_shared<const std::string>(framed(message))};
    CO_TRY_OK(session_->send(*stream_, std::move(frames), false));
    co_return co_await session_->drained(stream_);
  }

  Task<Result<void>> done_sending() override { co_return session_->send(*stream_, {}, true); }

  // The peer did nothing for it. RFC 9113, 8.7.
  bool was_refused() const { return stream_->closed && stream_->error == NGHTTP2_REFUSED_STREAM; }

  Task<Result<std::optional<std::string>>> receive() override {
    if (!std::exchange(head_seen_, true)) {
      CO_TRY_OK(co_await session_->head(stream_));
      if (stream_->response.status != 200) co_return fail(status_of_http(stream_->response.status));
    }
    while (true) {
      CO_TRY(auto message, next_message());
      if (message) co_return message;
      CO_TRY(std::string more, co_await session_->receive(stream_));
      if (more.empty()) break;
      if (buffer_.empty())
        buffer_ = std::move(more);
      else
        buffer_ += more;
    }
    const bool trailers_only = stream_->response.headers.has("grpc-status");
    CO_TRY_OK(outcome_of(trailers_only ? stream_->response.headers : stream_->trailers));
    if (!buffer_.empty()) co_return fail(Status::internal("the call ended within a message"));
    co_return std::nullopt;
  }

 private:
  Result<std::optional<std::string>> next_message() {
    const std::size_t available = buffer_.size() - taken_;
    if (available >= kPrefixSize) {
      const char* const prefix = buffer_.data() + taken_;
      if (prefix[0] != 0) return fail(Status::internal("compressed message without an encoding"));
      std::size_t size = 0;
      for (std::size_t i = 1; i < kPrefixSize; ++i)
        size = size << 8 | static_cast<unsigned char>(prefix[i]);
      if (size > kMessageMax)
        return fail(Reason::TooManyRequests, "received message larger than max (" +
                                                 std::to_string(size) + " vs. " +
                                                 std::to_string(kMessageMax) + ")");
      if (available - kPrefixSize >= size) {
        std::string message = buffer_.substr(taken_ + kPrefixSize, size);
        taken_ += kPrefixSize + size;
        return message;
      }
    }
    buffer_.erase(0, std::exchange(taken_, 0));
    return std::nullopt;
  }

  const std::shared_ptr<Http2Session> session_;
  const std::shared_ptr<Http2Stream> stream_;
  bool head_seen_ = false;
  std::string buffer_;     // Received, not yet handed out.
  std::size_t taken_ = 0;  // Of the buffer's front.
};

struct Connection {
  Connection(Runtime& loop, Origin where) : runtime(loop), origin(std::move(where)) {}

  Runtime& runtime;
  const Origin origin;
  AsyncMutex dialing;
  std::mutex mutex;
  std::shared_ptr<Http2Session> session;

  std::shared_ptr<Http2Session> find() {
    std::lock_guard lock(mutex);
    return session && session->usable() ? session : nullptr;
  }
};

Task<Result<std::shared_ptr<Http2Session>>> connect(std::shared_ptr<Connection> connection) {
  if (auto session = connection->find()) co_return session;
  CO_TRY(const auto guard, co_await connection->dialing.lock());
  if (auto session = connection->find()) co_return session;
  std::vector<std::string> alpn{"h2"};
  CO_TRY(auto stream, co_await dial(connection->runtime, connection->origin, std::move(alpn)));
  Http2Session::Settings settings = http2_client_settings();
  // Servers of gRPC end connections whose clients ask too often, and a local one does not get lost.
  if (!connection->origin.unix_path.empty()) settings.ping_after = 24h;
  auto session = start_http2_client(connection->runtime, std::move(stream), settings);
  std::lock_guard lock(connection->mutex);
  connection->session = session;
  co_return session;
}

Task<Result<std::unique_ptr<Call>>> open_call(std::shared_ptr<Connection> connection,
                                              std::string method, std::vector<Bytes> body,
                                              bool ended, Duration timeout) {
  CO_TRY(auto session, co_await connect(connection));
  HttpRequest head;
  head.method = "POST";
  head.target = std::move(method);
  head.authority = authority_of(connection->origin);
  head.headers = {
      {"content-type", "application/grpc"}, {"te", "trailers"}, {"user-agent", "keelson-grpc"}};
  if (timeout > Duration::zero()) {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    // At most eight digits.
    if (milliseconds < 100'000'000)
      head.headers.add("grpc-timeout", std::to_string(milliseconds) + "m");
  }
  CO_TRY(auto stream, session->open(head, std::move(body), ended));
  co_return std::make_unique<Call>(std::move(session), std::move(stream));
}

// One attempt. `again`: it failed, but nothing was done for it.
Task<Result<std::string>> call_once(std::shared_ptr<Connection> connection, std::string method,
                                    Bytes frame, Duration timeout, bool* again) {
  std::vector<Bytes> body{std::move(frame)};
  CO_TRY(auto call, co_await open_call(std::move(connection), std::move(method), std::move(body),
                                       true, timeout));
  auto answer = co_await call->receive();
  if (!answer) {
    *again = call->was_refused();
    co_return fail(std::move(answer).error());
  }
  if (!*answer) co_return fail(Status::internal("the call ended without an answer"));
  CO_TRY(const auto more, co_await call->receive());
  if (more) co_return fail(Status::internal("more than one answer to a unary call"));
  co_return std::move(**answer);
}

Task<Result<std::string>> call_until_taken(std::shared_ptr<Connection> connection,
                                           std::string method, std::string message,
                                           Duration timeout) {
  constexpr int kAttempts = 3;
  const auto frame = std::make_shared<const std::string>(framed(message));
  message = std::string();
  for (int attempt = 1;; ++attempt) {
    bool again = false;
    auto answer = co_await call_once(connection, method, frame, timeout, &again);
    if (answer || !again || attempt == kAttempts) co_return answer;
  }
}

class Channel final : public GrpcChannel {
 public:
  Channel(Runtime& runtime, Origin origin)
      : connection_(std::make_shared<Connection>(runtime, std::move(origin))) {}
  ~Channel() override {
    std::lock_guard lock(connection_->mutex);
    if (connection_->session) connection_->session->begin_shutdown();
  }

  Task<Result<std::string>> call(std::string method, std::string message,
                                 Duration timeout) override {
    return with_timeout(
        timeout, call_until_taken(connection_, std::move(method), std::move(message), timeout));
  }

  Task<Result<std::unique_ptr<GrpcStream>>> open(std::string method) override {
    return open_stream(connection_, std::move(method));
  }

 private:
  static Task<Result<std::unique_ptr<GrpcStream>>> open_stream(
      std::shared_ptr<Connection> connection, std::string method) {
    CO_TRY(auto call, co_await open_call(std::move(connection), std::move(method), {}, false, {}));
    co_return call;
  }

  const std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<GrpcChannel> make_grpc_channel(Runtime& runtime, Origin origin) {
  return std::make_unique<Channel>(runtime, std::move(origin));
}

}  // namespace keelson::net
