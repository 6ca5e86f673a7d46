// SPDX-License-Identifier: Apache-2.0
// Load on an API server over HTTP/2 and TLS, with ConfigMaps of the namespace "bench". Prints one
// JSON object; the scripts beside it make tables of them. Anything but the expected answer ends it
// with an error.
//   api_load KUBECONFIG fill OBJECTS BYTES            creates objects, 64 at once
//   api_load KUBECONFIG fan-out WATCHERS EVENTS       one event at a time to all watchers
//   api_load KUBECONFIG churn WATCHERS OBJECTS WRITERS  created, updated twice, deleted
//   api_load KUBECONFIG idle CONNECTIONS              opens them, prints, holds them until stdin
//   ends
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <limits>
#include <thread>

#include "base/sync.h"
#include "client/http_client.h"
#include "net/runtime.h"

namespace keelson::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr Duration kRequestTimeout = 60s;
constexpr Duration kRunTimeout = 180s;
constexpr auto kPath = "/api/v1/namespaces/bench/configmaps";

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "api_load: %s\n", what.c_str());
  // Requests of other tasks are under way: nothing is taken apart in order.
  std::_Exit(1);
}

double milliseconds(Clock::duration time) { return Milliseconds(time).count(); }

double percentile(std::vector<double>& sorted, double share) {
  std::ranges::sort(sorted);
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

// The first resource version in an object or watch event: that of its metadata.
std::int64_t revision_in(std::string_view json) {
  constexpr std::string_view kField = "\"resourceVersion\":\"";
  const auto at = json.find(kField);
  std::int64_t revision = 0;
  if (at == std::string_view::npos) return 0;
  const char* const digits = json.data() + at + kField.size();
  std::from_chars(digits, json.data() + json.size(), revision);
  return revision;
}

std::string object_json(const std::string& name, std::string_view value) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
         R"("},"data":{"value":")" + std::string(value) + "\"}}";
}

// One connection each.
using Clients = std::vector<std::unique_ptr<net::HttpClient>>;

Clients make_clients(net::Runtime& runtime, const client::Connection& connection,
                     std::size_t count) {
  Clients clients;
  for (std::size_t i = 0; i < count; ++i) {
    auto made = client::make_raw_client(
        runtime, {.connection = connection, .user_agent = "api_load", .timeout = kRequestTimeout});
    if (!made) die(made.error().message());
    clients.push_back(*std::move(made));
  }
  return clients;
}

Task<std::string> request(net::HttpClient* client, const char* method, std::string path,
                          std::string body, int expected) {
  net::HttpRequest request{
      .method = method, .target = path, .authority = {}, .headers = {}, .body = std::move(body)};
  if (!request.body.empty()) request.headers.set("content-type", "application/json");
  auto answer = co_await client->send(std::move(request), kRequestTimeout);
  if (!answer) die(std::string(method) + " " + path + ": " + answer.error().message());
  if (answer->status != expected)
    die(std::string(method) + " " + path + ": " + std::to_string(answer->status) + " " +
        answer->body);
  co_return std::move(answer->body);
}

// --- fill ---------------------------------------------------------------------------------------

struct Filling {
  net::HttpClient* client;
  int first, step, end;
  std::string value;
};

Task<bool> fill_share(Filling share) {
  for (int i = share.first; i < share.end; i += share.step)
    co_await request(share.client, "POST", kPath,
                     object_json("object-" + std::to_string(i), share.value), 201);
  co_return true;
}

Task<void> fill(Clients* clients, int objects, int bytes) {
  constexpr int kWriters = 64;
  const std::string value(static_cast<std::size_t>(bytes), 'x');
  std::vector<Task<bool>> tasks;
  for (int i = 0; i < kWriters; ++i) {
    auto* const client = (*clients)[static_cast<std::size_t>(i) % clients->size()].get();
    tasks.push_back(fill_share({client, i, kWriters, objects, value}));
  }
  const auto start = Clock::now();
  co_await when_all(std::move(tasks));
  const double seconds = milliseconds(Clock::now() - start) / 1000;
  std::printf("{\"objects\": %d, \"seconds\": %.3f}\n", objects, seconds);
}

// --- Watching -----------------------------------------------------------------------------------

// Opens a watch and gives each line to `on_line`, until that says no.
Task<bool> watch(net::HttpClient* client, std::int64_t since, std::function<void()> on_open,
                 std::function<bool(std::string_view)> on_line) {
  auto body = co_await client->open(
      {.method = "GET",
       .target = std::string(kPath) + "?watch=1&resourceVersion=" + std::to_string(since),
       .authority = {},
       .headers = {},
       .body = {}});
  if (!body) die("watch: " + body.error().message());
  if ((*body)->head().status != 200) die("watch: " + std::to_string((*body)->head().status));
  on_open();
  std::string rest;
  while (true) {
    auto more = co_await (*body)->read();
    if (!more) die("watch: " + more.error().message());
    if (more->empty()) die("a watch ended before all events had come");
    std::string_view text = *more;
    if (!rest.empty()) text = rest += *more;
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      if (!on_line(text.substr(0, end))) co_return true;
      text.remove_prefix(end + 1);
    }
    rest = std::string(text);
  }
}

// Counts down and tells when nothing is left.
class Countdown {
 public:
  void start(int count) {
    left_ = count;
    zero_.reset();
  }
  void step() {
    if (--left_ == 0) zero_.set();
  }
  Task<void> wait() {
    if (!co_await with_timeout(kRequestTimeout, zero_.wait()))
      die("waited in vain for " + std::to_string(left_) + " watchers");
  }

 private:
  int left_ = 0;  // All tasks run on one thread.
  Event zero_;
};

Task<std::int64_t> present_revision(net::HttpClient* client) {
  const std::string list =
      co_await request(client, "GET", std::string(kPath) + "?limit=1", {}, 200);
  co_return revision_in(list);
}

// --- fan-out ------------------------------------------------------------------------------------

struct FanOut {
  Countdown opened, arrived;
  Clock::time_point first, last;
  bool none_arrived = true;
};

Task<void> fan_out(Clients* clients, int watchers, int events) {
  net::HttpClient* const writer = clients->back().get();
  const std::int64_t since = co_await present_revision(writer);
  FanOut state;
  state.opened.start(watchers);
  TaskGroup watching(*(co_await this_context()).executor);
  for (int i = 0; i < watchers; ++i) {
    auto* const client = (*clients)[static_cast<std::size_t>(i) % (clients->size() - 1)].get();
    watching.start(
        [](net::HttpClient* on, std::int64_t from, FanOut* shared, int expected) -> Task<void> {
          int left = expected;
          co_await watch(
              on, from, [shared] { shared->opened.step(); },
              [shared, &left](std::string_view) {
                shared->last = Clock::now();
                if (std::exchange(shared->none_arrived, false)) shared->first = shared->last;
                shared->arrived.step();
                return --left > 0;
              });
        }(client, since, &state, events));
  }
  co_await state.opened.wait();

  std::vector<double> to_last, to_first, answered, spread;
  const auto start = Clock::now();
  for (int i = 0; i < events; ++i) {
    state.arrived.start(watchers);
    state.none_arrived = true;
    const auto sent = Clock::now();
    co_await request(writer, "POST", kPath, object_json("event-" + std::to_string(i), "x"), 201);
    answered.push_back(milliseconds(Clock::now() - sent));
    co_await state.arrived.wait();
    to_first.push_back(milliseconds(state.first - sent));
    to_last.push_back(milliseconds(state.last - sent));
    spread.push_back(milliseconds(state.last - state.first));
  }
  const double seconds = milliseconds(Clock::now() - start) / 1000;
  co_await watching.join();
  std::printf(
      "{\"seconds\": %.3f, \"answer_p50\": %.2f, \"first_p50\": %.2f, \"last_p50\": %.2f, "
      "\"last_p99\": %.2f, \"spread_p50\": %.2f, \"spread_p99\": %.2f}\n",
      seconds, percentile(answered, 0.5), percentile(to_first, 0.5), percentile(to_last, 0.5),
      percentile(to_last, 0.99), percentile(spread, 0.5), percentile(spread, 0.99));
}

// --- churn --------------------------------------------------------------------------------------

constexpr int kWritesEach = 4;  // Create, update, update, delete.

struct Churn {
  Countdown opened;
  std::int64_t since = 0;
  // When the writer heard of a revision; a watcher that is ahead of it lags not at all.
  std::vector<Clock::time_point> answered;
  std::vector<double> lags;
  std::vector<double> answers;
  Clock::time_point last_event;

  void note_answer(std::string_view json) {
    const auto at = static_cast<std::size_t>(revision_in(json) - since);
    // Other writes (leases) take revisions too.
    if (at >= answered.size()) answered.resize(at * 2 + 1024);
    answered[at] = Clock::now();
  }
  void note_event(std::string_view line, Clock::time_point now) {
    const auto at = static_cast<std::size_t>(revision_in(line) - since);
    const bool known = at < answered.size() && answered[at] != Clock::time_point();
    lags.push_back(known ? milliseconds(now - answered[at]) : 0);
    last_event = now;
  }
};

Task<void> churn_watcher(net::HttpClient* client, Churn* state, int expected) {
  int left = expected;
  co_await watch(
      client, state->since, [state] { state->opened.step(); },
      [state, &left](std::string_view line) {
        state->note_event(line, Clock::now());
        return --left > 0;
      });
}

Task<void> churn_writer(net::HttpClient* client, Churn* state, int first, int step, int end) {
  const auto write = [](net::HttpClient* on, Churn* to, const char* method, std::string path,
                        std::string body, int expected) -> Task<void> {
    const auto start = Clock::now();
    const std::string answer = co_await request(on, method, path, std::move(body), expected);
    to->answers.push_back(milliseconds(Clock::now() - start));
    if (expected != 200 || *method != 'D') to->note_answer(answer);
  };
  for (int i = first; i < end; i += step) {
    const std::string name = "churn-" + std::to_string(i);
    const std::string path = std::string(kPath) + "/" + name;
    co_await write(client, state, "POST", kPath, object_json(name, "1"), 201);
    co_await write(client, state, "PUT", path, object_json(name, "2"), 200);
    co_await write(client, state, "PUT", path, object_json(name, "3"), 200);
    co_await write(client, state, "DELETE", path, {}, 200);
  }
}

Task<void> churn(Clients* clients, int watchers, int objects, int writers) {
  Churn state;
  const auto count = static_cast<std::size_t>(watchers);
  state.since = co_await present_revision(clients->back().get());
  state.opened.start(watchers);
  state.lags.reserve(count * static_cast<std::size_t>(objects) * kWritesEach);
  TaskGroup tasks(*(co_await this_context()).executor);
  for (std::size_t i = 0; i < count; ++i)
    tasks.start(churn_watcher((*clients)[i].get(), &state, objects * kWritesEach));
  co_await state.opened.wait();

  const auto start = Clock::now();
  for (int i = 0; i < writers; ++i) {
    const std::size_t on = count + static_cast<std::size_t>(i) % (clients->size() - count);
    tasks.start(churn_writer((*clients)[on].get(), &state, i, writers, objects));
  }
  co_await tasks.join();
  const double seconds = milliseconds(state.last_event - start) / 1000;
  std::printf(
      "{\"events\": %zu, \"writes\": %zu, \"seconds\": %.3f, \"lag_p50\": %.2f, \"lag_p99\": %.2f, "
      "\"answer_p50\": %.2f, \"answer_p99\": %.2f}\n",
      state.lags.size(), state.answers.size(), seconds, percentile(state.lags, 0.5),
      percentile(state.lags, 0.99), percentile(state.answers, 0.5),
      percentile(state.answers, 0.99));
}

// --- idle ---------------------------------------------------------------------------------------

Task<void> idle(Clients* clients) {
  for (const auto& client : *clients) co_await present_revision(client.get());
  std::printf("{\"connections\": %zu}\n", clients->size());
  std::fflush(stdout);
  // Nothing else is to be done meanwhile.
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

// --- The program --------------------------------------------------------------------------------

// Streams a connection carries at most, with some to spare below the server's 250.
constexpr int kStreamsEach = 125;

std::size_t connections_for(int streams) {
  return static_cast<std::size_t>((streams + kStreamsEach - 1) / kStreamsEach);
}

struct Job {
  std::size_t connections;
  std::function<Task<void>(Clients*)> run;
};

Job job_of(std::string_view name, const std::vector<int>& n) {
  if (name == "fill" && n.size() == 2)
    return {4, [n](Clients* clients) { return fill(clients, n[0], n[1]); }};
  if (name == "fan-out" && n.size() == 2)
    return {connections_for(n[0]) + 1,
            [n](Clients* clients) { return fan_out(clients, n[0], n[1]); }};
  if (name == "churn" && n.size() == 3)
    return {static_cast<std::size_t>(n[0]) + connections_for(n[2]),
            [n](Clients* clients) { return churn(clients, n[0], n[1], n[2]); }};
  if (name == "idle" && n.size() == 1)
    return {static_cast<std::size_t>(n[0]), [](Clients* clients) { return idle(clients); }};
  die("usage: api_load KUBECONFIG fill|fan-out|churn|idle NUMBERS, see the source");
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) die("usage: api_load KUBECONFIG JOB NUMBERS");
  auto connection = client::load_kubeconfig(arguments[0]);
  if (!connection) die(connection.error().message());
  std::vector<int> numbers;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    numbers.push_back(std::atoi(arguments[i].c_str()));
    if (numbers.back() <= 0) die("not a number above 0: " + arguments[i]);
  }
  const Job job = job_of(arguments[1], numbers);

  auto runtime = net::make_runtime();
  const TimerId timer = runtime->after(kRunTimeout, [] { die("took too long"); });
  {
    Clients clients = make_clients(*runtime, *connection, job.connections);
    spawn(*runtime, [](net::Runtime* loop, Task<void> task) -> Task<void> {
      co_await std::move(task);
      loop->stop();
    }(runtime.get(), job.run(&clients)));
    // One thread: the rest of a small machine is the server's.
    runtime->run(1);
    runtime->cancel(timer);
  }
  return 0;
}

}  // namespace
}  // namespace keelson::bench

int main(int argc, char** argv) { return keelson::bench::run({argv + 1, argv + argc}); }
