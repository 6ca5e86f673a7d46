// SPDX-License-Identifier: Apache-2.0
// A TLS connection on a Stream. OpenSSL reads from and writes to memory; this moves the bytes, so
// that no lock is held and no thread waits while the network does.
#include "net/tls.h"

#include <openssl/err.h>

#include "net/read_buffer.h"
#include "net/tls_context.h"

namespace keelson::net {
namespace {

constexpr std::size_t kOutboundMax = 128 << 10;  // Enciphered before it is sent.
constexpr std::size_t kRecordMax = 16 << 10;     // RFC 8446, 5.1.
constexpr std::size_t kGatherMax = 4 << 10;      // Smaller pieces share a record.

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> inner, SslCtxPtr context)
      : inner_(std::move(inner)), context_(std::move(context)), ssl_(SSL_new(context_.get())) {
    CHECK(ssl_ != nullptr);
    BIO* const bio = BIO_new(method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    peer_ = inner_->peer();
    peer_.tls = true;
  }

  SSL* ssl() { return ssl_.get(); }
  Stream& inner() { return *inner_; }
  Peer& mutable_peer() { return peer_; }

  // Errors: Unavailable, Canceled; and BadRequest, after which openssl_error() says more.
  Task<Result<void>> handshake() {
    while (true) {
      ERR_clear_error();
      const int outcome = SSL_do_handshake(ssl_.get());
      const int error = SSL_get_error(ssl_.get(), outcome);
      handshake_reason_ = ERR_GET_REASON(ERR_peek_last_error());
      const std::string text = outcome == 1 ? "" : pki::openssl_error();
      // Also after a failure: the peer may be told why.
      auto sent = co_await send_outbound();
      if (outcome == 1) {
        CO_TRY_OK(std::move(sent));
        break;
      }
      if (error != SSL_ERROR_WANT_READ) co_return fail(Status::bad_request("tls: " + text));
      CO_TRY_OK(std::move(sent));
      CO_TRY(const bool more, co_await receive());
      if (!more) co_return fail(Status::unavailable("tls: EOF during the handshake"));
    }
    const unsigned char* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
    peer_.alpn.assign(reinterpret_cast<const char*>(protocol), size);
    co_return Result<void>{};
  }
  int handshake_reason() const { return handshake_reason_; }

  Task<Result<std::size_t>> read(std::span<char> into) override {
    while (true) {
      CO_TRY(const std::size_t size, decipher(into));
      if (size > 0 || ended_ || into.empty()) co_return size;
      CO_TRY(const bool more, co_await receive());
      if (!more) ended_ = true;
    }
  }

  Task<Result<void>> readable() override {
    {
      std::lock_guard lock(mutex_);
      if (ended_ || inbound_begin_ < inbound_end_ || SSL_has_pending(ssl_.get()))
        co_return Result<void>{};
    }
    co_return co_await inner_->readable();
  }

  Task<Result<void>> write(std::string_view bytes) override {
    const std::string_view pieces[] = {bytes};
    co_return co_await write_all(pieces);
  }

  Task<Result<void>> write_all(std::span<const std::string_view> pieces) override {
    std::string gathered;
    while (!pieces.empty()) {
      std::string_view next = pieces.front();
      if (pieces.size() > 1 && next.size() <= kGatherMax) {
        next = gather(pieces, gathered);
      } else {
        pieces = pieces.subspan(1);
      }
      while (!next.empty()) {
        CO_TRY(const std::size_t size, encipher(next));
        next.remove_prefix(size);
        if (outbound_size() >= kOutboundMax) CO_TRY_OK(co_await send_outbound());
      }
    }
    co_return co_await send_outbound();
  }

  Task<Result<void>> shutdown_write() override {
    {
      std::lock_guard lock(mutex_);
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
    }
    CO_TRY_OK(co_await send_outbound());
    co_return co_await inner_->shutdown_write();
  }

  void close() override { inner_->close(); }
  const Peer& peer() const override { return peer_; }

 private:
  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "keelson stream");
      BIO_meth_set_read(bio, [](BIO* self, char* into, int size) {
        return static_cast<TlsStream*>(BIO_get_data(self))->take_inbound(self, into, size);
      });
      BIO_meth_set_write(bio, [](BIO* self, const char* bytes, int size) {
        static_cast<TlsStream*>(BIO_get_data(self))
            ->outbound_.append(bytes, static_cast<std::size_t>(size));
        return size;
      });
      BIO_meth_set_ctrl(bio, [](BIO*, int command, long, void*) -> long {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
      });
      return bio;
    }();
    return made;
  }

  // Takes small pieces from the front, as many as fit into a record: each record costs both sides
  // the same, however little is in it.
  static std::string_view gather(std::span<const std::string_view>& pieces, std::string& into) {
    into.clear();
    while (!pieces.empty() && pieces.front().size() <= kGatherMax &&
           into.size() + pieces.front().size() <= kRecordMax) {
      into += pieces.front();
      pieces = pieces.subspan(1);
    }
    return into;
  }

  // Called by OpenSSL, under the lock (or alone, in the handshake).
  int take_inbound(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    const std::size_t taken =
        std::min(inbound_end_ - inbound_begin_, static_cast<std::size_t>(size));
    if (taken == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(into, inbound_.data() + inbound_begin_, taken);
    inbound_begin_ += taken;
    // An idle connection holds no buffer.
    if (inbound_begin_ == inbound_end_) inbound_.give_back();
    return static_cast<int>(taken);
  }

  // What can be had without waiting; 0: nothing yet, or ended_.
  Result<std::size_t> decipher(std::span<char> into) {
    std::lock_guard lock(mutex_);
    std::size_t total = 0;
    while (total < into.size() && !ended_) {
      ERR_clear_error();
      std::size_t size = 0;
      if (SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &size) == 1) {
        total += size;
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), 0);
      if (error == SSL_ERROR_WANT_READ) break;
      if (error == SSL_ERROR_ZERO_RETURN) {
        ended_ = true;
        break;
      }
      if (total > 0) break;  // Comes again with the next call.
      return fail(Status::unavailable("tls: " + pki::openssl_error()));
    }
    return total;
  }

  Result<std::size_t> encipher(std::string_view bytes) {
    std::lock_guard lock(mutex_);
    ERR_clear_error();
    std::size_t size = 0;
    if (SSL_write_ex(ssl_.get(), bytes.data(), std::min(bytes.size(), kOutboundMax), &size) != 1)
      return fail(Status::unavailable("tls: " + pki::openssl_error()));
    return size;
  }

  std::size_t outbound_size() {
    std::lock_guard lock(mutex_);
    return outbound_.size();
  }

  // Only the writer calls it. What the reader left to be sent (an answer to a key update) goes
  // along.
  Task<Result<void>> send_outbound() {
    std::string bytes;
    {
      std::lock_guard lock(mutex_);
      bytes.swap(outbound_);
    }
    if (bytes.empty()) co_return Result<void>{};
    co_return co_await inner_->write(bytes);
  }

  // Only the reader calls it, when OpenSSL has used all it was given. False at the end.
  Task<Result<bool>> receive() {
    CO_TRY_OK(co_await inner_->readable());
    ReadBuffer buffer = ReadBuffer::take();
    CO_TRY(const std::size_t size, co_await inner_->read(buffer.span()));
    std::lock_guard lock(mutex_);
    inbound_begin_ = 0;
    inbound_end_ = size;
    if (size > 0) inbound_ = std::move(buffer);
    co_return size > 0;
  }

  const std::unique_ptr<Stream> inner_;
  const SslCtxPtr context_;
  std::mutex mutex_;  // Of all below, once the handshake is over.
  const SslPtr ssl_;
  ReadBuffer inbound_;
  std::size_t inbound_begin_ = 0, inbound_end_ = 0;
  std::string outbound_;
  bool ended_ = false;
  int handshake_reason_ = 0;
  Peer peer_;
};

Task<Result<std::unique_ptr<Stream>>> accept_now(std::unique_ptr<Stream> stream,
                                                 std::shared_ptr<TlsServerContext> context) {
  auto tls = std::make_unique<TlsStream>(std::move(stream), context->get());
  SSL_set_accept_state(tls->ssl());
  auto done = co_await tls->handshake();
  if (!done) {
    // As Go's server: most likely somebody mistyped the address.
    if (tls->handshake_reason() == SSL_R_HTTP_REQUEST)
      (void)co_await tls->inner().write(
          "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    tls->close();
    co_return fail(std::move(done).error());
  }
  describe_client(tls->ssl(), tls->mutable_peer());
  co_return tls;
}

Task<Result<std::unique_ptr<Stream>>> connect_now(std::unique_ptr<Stream> stream,
                                                  std::shared_ptr<TlsClientContext> context,
                                                  std::string host, std::vector<std::string> alpn) {
  auto tls = std::make_unique<TlsStream>(std::move(stream), context->context);
  const std::string expected = context->server_name.empty() ? host : context->server_name;
  SSL_set_connect_state(tls->ssl());
  expect_host(tls->ssl(), expected);
  if (!alpn.empty()) offer_protocols(tls->ssl(), alpn);
  auto done = co_await tls->handshake();
  if (done) co_return tls;
  tls->close();
  const std::string refusal = context->insecure ? "" : certificate_refusal(tls->ssl(), expected);
  if (!refusal.empty())
    co_return fail(Status::unavailable("tls: failed to verify certificate: " + refusal));
  co_return fail(std::move(done).error());
}

Result<std::unique_ptr<Stream>> in_time(Result<std::unique_ptr<Stream>> stream) {
  if (!stream && stream.error().is(Reason::Timeout))
    return fail(Reason::Timeout, "TLS handshake timeout");
  return stream;
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> accept_tls(std::unique_ptr<Stream> stream,
                                                 std::shared_ptr<TlsServerContext> context,
                                                 Duration timeout) {
  co_return in_time(
      co_await with_timeout(timeout, accept_now(std::move(stream), std::move(context))));
}

Task<Result<std::unique_ptr<Stream>>> connect_tls(std::unique_ptr<Stream> stream,
                                                  std::shared_ptr<TlsClientContext> context,
                                                  std::string host, Duration timeout,
                                                  std::vector<std::string> alpn) {
  co_return in_time(co_await with_timeout(
      timeout,
      connect_now(std::move(stream), std::move(context), std::move(host), std::move(alpn))));
}

}  // namespace keelson::net
