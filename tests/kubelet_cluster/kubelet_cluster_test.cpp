// SPDX-License-Identifier: Apache-2.0
// The kubelet with a real containerd, runc and network plugins; only the API server is a fake.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/log.h"
#include "client/fake_api.h"
#include "containerd.h"
#include "kubelet/local_kubelet.h"
#include "kubelet/logs/log_reader.h"
#include "kubelet/volumes/files.h"
#include "net/http.h"
#include "net/tls.h"
#include "pki/certificate.h"
#include "remotecommand/port_forward.h"
#include "remotecommand/session.h"

namespace keelson::kubelet {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    options.image_archives = KEELSON_IMAGES;
    options.runtime_endpoint = "unix://" + containerd.socket();
    auto& node = options.kubelet;
    node.node_name = "node-1";
    node.node_ips = {"10.222.77.1"};
    node.version = "v1.36.0";
    node.root_dir = containerd.folder() + "/kubelet";
    node.pod_log_dir = containerd.folder() + "/pod-logs";
    node.container_log_dir = containerd.folder() + "/container-logs";
    node.pause_image = "localhost/keelson/pause:1";
    node.cgroup_parent = containerd.cgroup();
    node.eviction.disk_available_fraction = 0;
    node.eviction.image_disk_available_fraction = 0;
    v1::Namespace space;
    space.metadata.name = "default";
    api.add(space);
  }

  // Runs `test` as a task until it is done, on this thread.
  void run_test(Task<void> test) {
    spawn(*loop, [](Task<void> inner, net::Runtime* running) -> Task<void> {
      co_await std::move(inner);
      running->stop();
    }(std::move(test), loop.get()));
    loop->run(1);
  }
  void start_kubelet() {
    auto made = LocalKubelet::make(options, *loop, api, *random);
    ASSERT_TRUE(made) << made.error().message();
    kubelet = std::move(*made);
    kubelet->start();
  }
  Task<void> stop_kubelet() {
    co_await kubelet->stop();
    kubelet.reset();
  }
  Task<bool> until(std::function<bool()> done, Duration limit = 60s) {
    for (Duration waited{}; waited < limit; waited += 20ms) {
      if (done()) co_return true;
      if (!co_await sleep_for(20ms)) co_return false;
    }
    co_return false;
  }
  const v1::Pod* find(const std::string& name) {
    const auto pod = api.peek<v1::Pod>({"default", name});
    held = pod;
    return held.get();
  }
  std::string condition(const std::string& name, std::string_view type) {
    const v1::Pod* pod = find(name);
    const auto* found = pod ? find_condition(pod->status, type) : nullptr;
    return found ? found->status : "";
  }
  bool node_is_ready() {
    const auto node = api.peek<v1::Node>({"", "node-1"});
    if (!node) return false;
    const auto ready =
        std::ranges::find(node->status.conditions, "Ready", &v1::NodeCondition::type);
    return ready != node->status.conditions.end() && ready->status == "True";
  }
  void show_events() {
    for (const auto& event : api.all<v1::Event>()) {
      std::cerr << event->involvedObject.name << " " << event->reason << ": " << event->message
                << "\n";
    }
  }
  static v1::Pod make_pod(std::string name, std::string image) {
    v1::Pod pod;
    pod.metadata.name = std::move(name);
    pod.metadata.namespace_ = "default";
    pod.spec.nodeName = "node-1";
    pod.spec.restartPolicy = "Always";
    pod.spec.terminationGracePeriodSeconds = 10;
    auto& container = pod.spec.containers.emplace_back();
    container.name = "main";
    container.image = std::move(image);
    container.imagePullPolicy = "IfNotPresent";
    container.terminationMessagePath = "/dev/termination-log";
    container.terminationMessagePolicy = "File";
    pod.status.phase = "Pending";
    return pod;
  }
  v1::Pod web_pod() {
    auto pod = make_pod("web", "localhost/keelson/web:1");
    auto& container = pod.spec.containers[0];
    auto& settings = pod.spec.volumes.emplace_back();
    settings.name = "settings";
    settings.configMap.emplace().name = "settings";
    auto& scratch = pod.spec.volumes.emplace_back();
    scratch.name = "scratch";
    scratch.emptyDir.emplace().medium = "Memory";
    auto& mount = container.volumeMounts.emplace_back();
    mount.name = "settings";
    mount.mountPath = "/config";
    auto& scratch_mount = container.volumeMounts.emplace_back();
    scratch_mount.name = "scratch";
    scratch_mount.mountPath = "/scratch";
    scratch_mount.subPath = "inner";
    auto& env = container.env.emplace_back();
    env.name = "POD_IP";
    env.valueFrom.emplace().fieldRef.emplace().fieldPath = "status.podIP";
    auto& probe = container.readinessProbe.emplace();
    auto& get = probe.httpGet.emplace();
    get.path = "/healthz";
    get.port = api::IntOrString(8080);
    probe.periodSeconds = 1;
    probe.timeoutSeconds = 1;
    container.resources.requests["cpu"] = api::Quantity::of("100m");
    container.resources.limits["memory"] = api::Quantity::of("64Mi");
    return pod;
  }
  Task<std::string> exec(std::string pod, std::vector<std::string> command) {
    const PodWorker* worker = kubelet->kubelet().find_worker({"default", pod}, "");
    if (!worker || worker->runtime_pod().containers.empty()) co_return "<no container>";
    auto result = co_await kubelet->kubelet().context().runtime.exec_sync(
        worker->runtime_pod().containers[0].id, std::move(command), 10s);
    if (!result) co_return "<" + result.error().message() + ">";
    co_return result->stdout() + result->stderr();
  }

  Task<void> lives_and_dies();
  Task<void> tells_how_it_ended();
  Task<void> serves_the_api_server();
  Task<void> speak_with_server(net::HttpClient& client);

  // The namespaces come before all threads.
  Containerd containerd{LocalKubeletOptions().kubelet.cgroup_root};
  std::unique_ptr<net::Runtime> loop = net::make_runtime();
  client::FakeApi api{*loop};
  std::unique_ptr<Random> random = make_system_random();
  LocalKubeletOptions options;
  std::unique_ptr<LocalKubelet> kubelet;
  std::shared_ptr<const v1::Pod> held;
};

Task<void> ClusterTest::lives_and_dies() {
  v1::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = "settings";
  map.data = {{"color", "red"}};
  api.add(map);
  start_kubelet();
  EXPECT_TRUE(co_await until([this] { return node_is_ready(); }));
  EXPECT_TRUE(api.must_get<v1::Node>({"", "node-1"})
                  .status.nodeInfo.containerRuntimeVersion.starts_with("containerd://"));

  const auto created = std::chrono::steady_clock::now();
  api.add(web_pod());
  const bool ready = co_await until([this] { return condition("web", "Ready") == "True"; });
  EXPECT_TRUE(ready);
  if (!ready) {
    show_events();
    co_await stop_kubelet();
    co_return;
  }
  std::cout << "created to Ready: "
            << std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::steady_clock::now() - created)
                   .count()
            << " ms (the first pod; images may still be imported)\n";
  const std::string ip = find("web")->status.podIP;
  EXPECT_TRUE(ip.starts_with("10.222.77."));
  const std::string id = find("web")->status.containerStatuses[0].containerID;

  const auto client = net::make_http_client(*loop, {.host = ip, .port = 8080});
  const auto answer = co_await client->send({}, 5s);
  EXPECT_TRUE(answer.has_value());
  if (answer) EXPECT_EQ(answer->body, "web web 1\n");
  EXPECT_EQ(co_await exec("web", {"cat", "/config/color"}), "red");
  EXPECT_EQ(co_await exec("web", {"sh", "-c", "echo -n $POD_IP"}), ip);
  EXPECT_EQ(co_await exec("web", {"sh", "-c", "echo hi > /scratch/x; cat /scratch/x"}), "hi\n");
  const std::string hosts = co_await exec("web", {"cat", "/etc/hosts"});
  EXPECT_NE(hosts.find(ip + "\tweb\n"), std::string::npos) << hosts;
  const std::string cgroups = co_await exec("web", {"cat", "/proc/1/cgroup"});
  EXPECT_FALSE(cgroups.empty());

  // A new kubelet finds it running.
  co_await stop_kubelet();
  start_kubelet();
  EXPECT_TRUE(co_await until([this] { return !kubelet->kubelet().pods().empty(); }));
  (void)co_await sleep_for(2s);
  EXPECT_EQ(find("web")->status.containerStatuses[0].containerID, id);
  EXPECT_EQ(find("web")->status.containerStatuses[0].restartCount, 0);
  EXPECT_EQ(condition("web", "Ready"), "True");

  // Its process killed, another takes its place.
  const std::string bare_id = id.substr(id.rfind('/') + 1);
  EXPECT_TRUE(run({"ctr", "-a", containerd.socket(), "-n", "k8s.io", "tasks", "kill", "-s",
                   "SIGKILL", bare_id}));
  EXPECT_TRUE(co_await until([this] {
    const auto& status = find("web")->status.containerStatuses[0];
    return status.restartCount == 1 && condition("web", "Ready") == "True";
  }));
  EXPECT_EQ(find("web")->status.containerStatuses[0].lastState.terminated->exitCode, 137);

  const std::string uid = find("web")->metadata.uid;
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 10});
  EXPECT_TRUE(co_await until([this] { return find("web") == nullptr; }));
  EXPECT_FALSE(fs::exists(options.kubelet.root_dir + "/pods/" + uid));
  const auto left = co_await kubelet->kubelet().context().runtime.list_sandboxes("");
  EXPECT_TRUE(left && left->empty());
  if (HasFailure()) show_events();
  co_await stop_kubelet();
}

Task<void> ClusterTest::tells_how_it_ended() {
  start_kubelet();
  auto job = make_pod("job", "localhost/keelson/web:1");
  job.spec.restartPolicy = "Never";
  job.spec.containers[0].command = {"sh", "-c",
                                    "echo to stdout; echo to stderr >&2; "
                                    "echo -n farewell > /dev/termination-log; exit 3"};
  auto& init = job.spec.initContainers.emplace_back(job.spec.containers[0]);
  init.name = "setup";
  init.command = {"true"};
  auto& security = job.spec.containers[0].securityContext.emplace();
  security.runAsUser = 1234;
  security.allowPrivilegeEscalation = false;
  api.add(job);
  const bool failed = co_await until([this] {
    const v1::Pod* pod = find("job");
    return pod && pod->status.phase == "Failed";
  });
  EXPECT_TRUE(failed);
  if (failed) {
    const auto& ended = find("job")->status.containerStatuses[0].state.terminated;
    EXPECT_TRUE(ended);
    if (ended) {
      EXPECT_EQ(ended->exitCode, 3);
      EXPECT_EQ(ended->message, "farewell");
      EXPECT_EQ(ended->reason, "Error");
    }
    const auto* worker = kubelet->kubelet().find_worker({"default", "job"}, "");
    const auto* record = worker ? worker->runtime_pod().latest("main") : nullptr;
    EXPECT_NE(record, nullptr);
    if (record) {
      EXPECT_EQ(read_log_text(record->log_path, {.stream = "stdout"}), "to stdout\n");
      EXPECT_EQ(read_log_text(record->log_path, {.stream = "stderr"}), "to stderr\n");
    }
  } else {
    show_events();
  }
  api.erase<v1::Pod>({"default", "job"}, {.grace_period_seconds = 0});
  EXPECT_TRUE(co_await until([this] { return kubelet->kubelet().pods().empty(); }));
  co_await stop_kubelet();
}

Task<std::string> read_all(net::Stream& stream) {
  std::string out;
  std::array<char, 1024> block;
  while (true) {
    const auto got = co_await stream.read(block);
    if (!got || *got == 0) co_return out;
    out.append(block.data(), *got);
  }
}

// A client's command with `input` for it.
struct Ran {
  std::string output;
  remotecommand::CommandStatus status;
};
Task<Result<Ran>> run_command(net::HttpClient& client, std::string query, std::string input) {
  remotecommand::CommandOptions options{.with_stdin = true, .with_stdout = true};
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/exec/default/web/shell?input=1&output=1&" + query;
  CO_TRY(auto command,
         co_await remotecommand::connect_command(client, std::move(request), options));
  CO_TRY_OK(co_await command->streams().input->write(input));
  CO_TRY_OK(co_await command->streams().input->shutdown_write());
  Ran ran;
  ran.output = co_await read_all(*command->streams().output);
  CO_TRY(ran.status, co_await command->wait());
  co_await command->close();
  co_return ran;
}

net::HttpRequest get(std::string target) {
  net::HttpRequest request;
  request.target = std::move(target);
  return request;
}

Task<void> ClusterTest::speak_with_server(net::HttpClient& client) {
  const auto echoed = co_await run_command(client, "command=cat", "hello");
  EXPECT_TRUE(echoed.has_value()) << echoed.error().message();
  if (echoed) {
    EXPECT_EQ(echoed->output, "hello");
    EXPECT_TRUE(echoed->status.success);
  }
  const auto failed = co_await run_command(client, "command=sh&command=-c&command=exit+5", "");
  EXPECT_TRUE(failed.has_value());
  if (failed) EXPECT_EQ(failed->status.exit_code, 5);

  const auto log = co_await client.send(get("/containerLogs/default/web/shell?tailLines=2"), 5s);
  EXPECT_TRUE(log.has_value());
  if (log) EXPECT_EQ(log->body, "two\nthree\n");
  const auto absent = co_await client.send(get("/containerLogs/default/none/main"), 5s);
  EXPECT_TRUE(absent && absent->status == 404);
  const auto pods = co_await client.send(get("/pods"), 5s);
  EXPECT_TRUE(pods && pods->body.find("\"web\"") != std::string::npos);
  const auto summary = co_await client.send(get("/stats/summary"), 5s);
  EXPECT_TRUE(summary && summary->body.find("workingSetBytes") != std::string::npos);

  // A log that is followed ends with its reader.
  const auto followed = co_await client.open(get("/containerLogs/default/web/shell?follow=true"));
  EXPECT_TRUE(followed.has_value());
  if (followed) {
    const auto first = co_await (*followed)->read();
    EXPECT_TRUE(first && first->starts_with("one\n"));
  }

  net::HttpRequest forward;
  forward.method = "POST";
  forward.target = "/portForward/default/web";
  const auto forwarded = co_await remotecommand::connect_port_forward(client, std::move(forward));
  EXPECT_TRUE(forwarded.has_value());
  if (forwarded) {
    auto connection = co_await (*forwarded)->open(8080);
    EXPECT_TRUE(connection.has_value());
    if (connection) {
      (void)co_await connection->data->write("GET / HTTP/1.0\r\n\r\n");
      const std::string answer = co_await read_all(*connection->data);
      EXPECT_NE(answer.find("web web 1"), std::string::npos) << answer;
    }
    co_await (*forwarded)->close();
  }
}

Task<void> ClusterTest::serves_the_api_server() {
  start_kubelet();
  auto web = make_pod("web", "localhost/keelson/web:1");
  auto& shell = web.spec.containers.emplace_back(web.spec.containers[0]);
  shell.name = "shell";
  shell.command = {"sh", "-c", "echo one; echo two; echo three; exec sleep 1000"};
  web.spec.terminationGracePeriodSeconds = 1;
  api.add(web);
  EXPECT_TRUE(co_await until([this] { return condition("web", "Ready") == "True"; }));

  const Wall now = loop->now();
  const auto ca = pki::make_ca("test", now);
  const auto server_pair = pki::issue(
      *ca, {.common_name = "node-1", .ip_addresses = {"127.0.0.1"}, .server = true}, now);
  const auto client_pair =
      pki::issue(*ca, {.common_name = "kube-apiserver-kubelet-client", .client = true}, now);
  auto listener = net::listen_tcp(*loop, "127.0.0.1", 0);
  EXPECT_TRUE(listener.has_value());
  auto server =
      net::serve_http(*loop, std::move(*listener),
                      *net::make_tls_server({.certificate_pem = server_pair->certificate_pem,
                                             .key_pem = server_pair->key_pem,
                                             .client_ca_pem = ca->certificate_pem}),
                      kubelet->handler());
  EXPECT_TRUE(server.has_value());
  const std::uint16_t port = (*server)->port();
  {
    const auto stranger = net::make_http_client(
        *loop, {.host = "127.0.0.1",
                .port = port,
                .tls = *net::make_tls_client({.ca_pem = ca->certificate_pem})});
    const auto refused = co_await stranger->send(get("/pods"), 5s);
    EXPECT_TRUE(refused && refused->status == 401);
    const auto api_server = net::make_http_client(
        *loop, {.host = "127.0.0.1",
                .port = port,
                .tls = *net::make_tls_client({.ca_pem = ca->certificate_pem,
                                              .certificate_pem = client_pair->certificate_pem,
                                              .key_pem = client_pair->key_pem})});
    co_await speak_with_server(*api_server);
  }
  co_await (*server)->stop(1s);

  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 1});
  EXPECT_TRUE(co_await until([this] { return kubelet->kubelet().pods().empty(); }));
  co_await stop_kubelet();
}

TEST_F(ClusterTest, ServesLogsCommandsAndPortsToTheApiServerOnly) {
  ASSERT_TRUE(containerd.start());
  run_test(serves_the_api_server());
}

TEST_F(ClusterTest, RunsAdoptsRestartsAndRemovesAPod) {
  ASSERT_TRUE(containerd.start());
  run_test(lives_and_dies());
}

TEST_F(ClusterTest, TellsHowAPodEnded) {
  ASSERT_TRUE(containerd.start());
  run_test(tells_how_it_ended());
}

}  // namespace
}  // namespace keelson::kubelet
