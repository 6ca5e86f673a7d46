// SPDX-License-Identifier: Apache-2.0
#include "net/http1_codec.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>

#include "base/ascii.h"

namespace keelson::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kChunkHeadMax = 4096;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

template <bool kIsRequest>
class BeastParser final : public Http1Parser, private http::basic_parser<kIsRequest> {
  using Base = http::basic_parser<kIsRequest>;

 public:
  BeastParser(bool to_head, std::size_t header_limit) : header_limit_(header_limit) {
    this->header_limit(static_cast<std::uint32_t>(header_limit));
    this->body_limit(boost::none);
    this->eager(false);
    if (to_head) this->skip(true);
  }

  Result<std::size_t> feed(std::string_view bytes, std::string& body) override {
    body_ = &body;
    std::size_t taken = 0;
    // Empty lines before a request are skipped. RFC 9112, 2.2.
    if (kIsRequest && !Base::got_some()) {
      while (bytes.substr(taken).starts_with("\r\n")) taken += 2;
      if (bytes.substr(taken) == "\r") return taken;
    }
    while (taken < bytes.size() && !Base::is_done()) {
      const bool in_head = !Base::is_header_done();
      error_code error;
      const std::size_t size = Base::put({bytes.data() + taken, bytes.size() - taken}, error);
      taken += size;
      if (in_head) {
        head_size_ += size;
        if (head_size_ > header_limit_) return fail(too_large());
      }
      if (error == http::error::need_more) {
        // Field lines are taken one by one, so the rest is one line, or the head of a chunk.
        const std::size_t rest = bytes.size() - taken;
        if (rest > (in_head ? header_limit_ - head_size_ : kChunkHeadMax)) return fail(too_large());
        break;
      }
      if (refusal_) return fail(std::move(*refusal_));
      if (error == http::error::header_limit) return fail(too_large());
      if (error) return fail(Status::bad_request("malformed HTTP message: " + error.message()));
      if (in_head && Base::is_header_done()) break;
      if (size == 0) break;
    }
    return taken;
  }

  Result<void> end() override {
    if (Base::got_some() && !Base::is_done()) {
      error_code error;
      Base::put_eof(error);
      if (!error) return {};
    }
    if (Base::is_done()) return {};
    return fail(Status::unavailable("unexpected EOF"));
  }

  bool started() const override { return Base::got_some(); }
  bool head_done() const override { return Base::is_header_done(); }
  bool done() const override { return Base::is_done(); }
  bool keep_alive() const override { return Base::keep_alive(); }
  std::optional<std::uint64_t> content_length() const override {
    const auto length = Base::content_length();
    return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
  }

 private:
  static Status too_large() {
    return Status::bad_request("request header fields too large").with_code(431);
  }

  void refuse(Status status, error_code& error) {
    refusal_ = std::move(status);
    error = http::error::bad_value;
  }

  void on_request_impl(http::verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version, error_code&) override {
    request.method = view(method);
    request.target = view(target);
    request.version = version;
  }

  void on_response_impl(int code, boost::beast::string_view, int, error_code&) override {
    response.status = code;
  }

  void on_field_impl(http::field field, boost::beast::string_view name,
                     boost::beast::string_view value, error_code& error) override {
    // Trailers mean nothing to anybody here, and must not pass for headers.
    if (Base::is_header_done()) return;
    Headers& headers = kIsRequest ? request.headers : response.headers;
    if (kIsRequest && field == http::field::host) {
      if (std::exchange(has_host_, true))
        return refuse(Status::bad_request("too many Host headers"), error);
      request.authority = view(value);
      return;
    }
    if (field == http::field::transfer_encoding && !equal_ignoring_case(view(value), "chunked"))
      return refuse(Status(Reason::NotImplemented, "unsupported transfer encoding"), error);
    if (!is_field_value(view(value)))
      return refuse(Status::bad_request("invalid header field value"), error);
    headers.add(std::string(view(name)), std::string(view(value)));
  }

  void on_header_impl(error_code& error) override {
    if constexpr (kIsRequest) {
      if (request.version == 11 && !has_host_)
        return refuse(Status::bad_request("missing required Host header"), error);
      // HTTP/1.0 knows no chunks; what is behind it may read on where we see a body.
      if (request.version == 10 && Base::chunked())
        return refuse(Status::bad_request("transfer encoding in HTTP/1.0"), error);
      strip_origin();
    }
  }

  // "GET http://host/path", as for a proxy.
  void strip_origin() {
    std::string_view target = request.target;
    if (target.empty() || target[0] == '/' || target == "*") return;
    const auto scheme = target.find("://");
    if (scheme == target.npos) return;
    const auto path = target.find('/', scheme + 3);
    request.authority = target.substr(scheme + 3, path == target.npos ? path : path - scheme - 3);
    request.target = path == target.npos ? "/" : std::string(target.substr(path));
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    body_->append(body.data(), body.size());
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body,
                                 error_code&) override {
    body_->append(body.data(), body.size());
    return body.size();
  }

  void on_finish_impl(error_code&) override {}

  const std::size_t header_limit_;
  std::size_t head_size_ = 0;
  std::string* body_ = nullptr;
  bool has_host_ = false;
  std::optional<Status> refusal_;
};

void write_fields(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || !is_field_value(value)) continue;
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out += "\r\n";
}

}  // namespace

std::unique_ptr<Http1Parser> Http1Parser::make(Kind kind, std::size_t header_limit) {
  if (kind == Kind::Request) return std::make_unique<BeastParser<true>>(false, header_limit);
  return std::make_unique<BeastParser<false>>(kind == Kind::ResponseToHead, header_limit);
}

std::string_view reason_phrase(int status) {
  const auto text = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return view(text);
}

std::string write_head(const HttpResponse& head) {
  std::string out;
  out.reserve(256);
  out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ");
  out.append(reason_phrase(head.status)).append("\r\n");
  write_fields(out, head.headers);
  return out;
}

std::string write_head(const HttpRequest& head) {
  std::string out;
  out.reserve(256);
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\nHost: ");
  out.append(head.authority).append("\r\n");
  write_fields(out, head.headers);
  return out;
}

std::string chunk_head(std::size_t size) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + 16, size, 16).ptr;
  return std::string(text.data(), end) + "\r\n";
}

std::string http_date(Wall now) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text;
  // Neither names depend on a locale: the process never sets one.
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text.data(), size);
}

bool is_connection_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"connection",        "keep-alive", "proxy-connection",
                                         "transfer-encoding", "upgrade",    "host"};
  return std::ranges::any_of(kNames, [name](auto n) { return equal_ignoring_case(n, name); });
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != kMarks.npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 32 && c != 127); });
}

}  // namespace keelson::net
