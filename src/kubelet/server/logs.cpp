// SPDX-License-Identifier: Apache-2.0
// GET /containerLogs/{namespace}/{pod}/{container}: the log file as it is, or as it grows.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/time.h"
#include "kubelet/logs/log_reader.h"
#include "kubelet/server/routes.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kChunk = 64 << 10;
constexpr Duration kPoll = std::chrono::milliseconds(200);
// How many polls without news until the container is asked for: it may have ended.
constexpr int kPollsPerCheck = 5;

Result<std::optional<std::int64_t>> number(const net::Target& target, std::string_view name) {
  const std::string_view text = target.get(name);
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0) {
    return fail(Status::bad_request("Unable to decode the query parameter " + std::string(name)));
  }
  return value;
}

Result<LogOptions> parse_options(const net::Target& target, Wall now) {
  LogOptions options;
  options.follow = target.is_on("follow");
  options.timestamps = target.is_on("timestamps");
  TRY(options.tail_lines, number(target, "tailLines"));
  TRY(options.limit_bytes, number(target, "limitBytes"));
  TRY(const auto seconds, number(target, "sinceSeconds"));
  if (seconds) options.since = now - std::chrono::seconds(*seconds);
  if (const auto text = target.get("sinceTime"); !text.empty()) {
    const auto time = api::parse_rfc3339(text);
    if (!time) return fail(Status::bad_request("sinceTime is no RFC 3339 time"));
    options.since = *time;
  }
  const std::string_view stream = target.get("stream");
  if (stream == "Stdout") options.stream = "stdout";
  if (stream == "Stderr") options.stream = "stderr";
  return options;
}

class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}
  ~LogFile() { shut(); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  bool open_at(const LogOptions& options) {
    shut();
    file_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    offset_ = 0;
    if (file_ >= 0 && options.tail_lines) {
      offset_ = tail_offset(file_, *options.tail_lines).value_or(0);
    }
    return file_ >= 0;
  }
  // Empty at the present end.
  std::string read_more() {
    std::string block(kChunk, '\0');
    const ssize_t got = pread(file_, block.data(), block.size(), static_cast<off_t>(offset_));
    block.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
    offset_ += block.size();
    return block;
  }
  // Another file has the name: the log was rotated.
  bool was_rotated() const {
    struct stat mine{}, named{};
    return fstat(file_, &mine) == 0 && stat(path_.c_str(), &named) == 0 &&
           mine.st_ino != named.st_ino;
  }

 private:
  void shut() {
    if (file_ >= 0) close(std::exchange(file_, -1));
  }

  const std::string path_;
  int file_ = -1;
  std::uint64_t offset_ = 0;
};

Task<Result<bool>> is_running(Kubelet& kubelet, std::string id) {
  auto status = co_await kubelet.context().runtime.container_status(std::move(id));
  if (!status && status.error().is(Reason::NotFound)) co_return false;
  if (!status) co_return fail(std::move(status).error());
  co_return status->state() == cri::v1::CONTAINER_RUNNING ||
      status->state() == cri::v1::CONTAINER_CREATED;
}

Task<Result<void>> send_log(Kubelet& kubelet, net::HttpExchange& exchange, ContainerRecord record,
                            LogOptions options) {
  LogFile file(record.log_path);
  const bool opened = file.open_at(options);
  net::HttpResponse head;
  head.headers.set("Content-Type", "text/plain; charset=utf-8");
  CO_TRY_OK(co_await exchange.start(std::move(head)));
  if (!opened) co_return co_await exchange.finish();
  LogFilter filter(options);
  int quiet = 0;
  bool running = record.state == ContainerState::Running;
  while (!filter.is_done()) {
    const std::string bytes = file.read_more();
    if (!bytes.empty()) {
      quiet = 0;
      std::string shown = filter.feed(bytes);
      if (!shown.empty()) {
        CO_TRY_OK(co_await exchange.write(std::make_shared<const std::string>(std::move(shown))));
      }
      continue;
    }
    if (file.was_rotated()) {
      LogOptions from_start = options;
      from_start.tail_lines.reset();
      if (!file.open_at(from_start)) break;
      continue;
    }
    if (!options.follow || !running || exchange.closed().stop_requested()) break;
    CO_TRY_OK(co_await sleep_for(kPoll));
    if (++quiet % kPollsPerCheck == 0) {
      CO_TRY(running, co_await on_kubelet(kubelet, is_running(kubelet, record.id)));
      // Once more around: what it wrote last is still to come.
    }
  }
  co_return co_await exchange.finish();
}

}  // namespace

Task<void> serve_logs(Kubelet& kubelet, net::HttpExchange& exchange, net::Target target,
                      std::vector<std::string> parts) {
  if (parts.size() != 4) {
    co_return co_await answer_error(exchange, Status::bad_request("Missing container name."));
  }
  auto options = parse_options(target, kubelet.context().executor.now());
  if (!options) co_return co_await answer_error(exchange, std::move(options).error());
  auto place =
      co_await on_kubelet(kubelet, find_place(kubelet, {parts[1], parts[2]}, "", parts[3]));
  if (!place) co_return co_await answer_error(exchange, std::move(place).error());

  const std::string where =
      "container \"" + place->container + "\" in pod \"" + place->pod->metadata.name + "\"";
  std::optional<ContainerRecord> record = place->latest;
  if (target.is_on("previous")) {
    record = place->previous;
    // One that waits to be restarted has ended: it is the previous one.
    const bool ended = place->latest && place->latest->state == ContainerState::Exited;
    if (!record && ended) record = place->latest;
    if (!record) {
      co_return co_await answer_error(
          exchange, Status::bad_request("previous terminated " + where + " not found"));
    }
  }
  const bool made = record && record->state != ContainerState::Created;
  if (!made) {
    const std::string reason = place->waiting_reason.empty() ? "" : ": " + place->waiting_reason;
    co_return co_await answer_error(exchange,
                                    Status::bad_request(where + " is waiting to start" + reason));
  }
  // A client that has gone is no error.
  [[maybe_unused]] auto sent =
      co_await send_log(kubelet, exchange, std::move(*record), std::move(*options));
}

}  // namespace keelson::kubelet
