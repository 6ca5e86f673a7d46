// SPDX-License-Identifier: Apache-2.0
// A stream of which some bytes were read already: they come first.
#pragma once

#include "net/stream.h"

namespace keelson::net {

class PrefixedStream final : public Stream {
 public:
  PrefixedStream(std::string prefix, std::unique_ptr<Stream> stream)
      : prefix_(std::move(prefix)), stream_(std::move(stream)) {}

  Task<Result<std::size_t>> read(std::span<char> into) override {
    if (prefix_.empty()) return stream_->read(into);
    return read_prefix(into);
  }
  Task<Result<void>> readable() override {
    if (prefix_.empty()) return stream_->readable();
    return Stream::readable();
  }
  Task<Result<void>> write(std::string_view bytes) override { return stream_->write(bytes); }
  Task<Result<void>> write_all(std::span<const std::string_view> pieces) override {
    return stream_->write_all(pieces);
  }
  Task<Result<void>> shutdown_write() override { return stream_->shutdown_write(); }
  void close() override { stream_->close(); }
  const Peer& peer() const override { return stream_->peer(); }

 private:
  Task<Result<std::size_t>> read_prefix(std::span<char> into) {
    const std::size_t size = std::min(prefix_.size(), into.size());
    std::memcpy(into.data(), prefix_.data(), size);
    prefix_.erase(0, size);
    co_return size;
  }

  std::string prefix_;
  const std::unique_ptr<Stream> stream_;
};

}  // namespace keelson::net
