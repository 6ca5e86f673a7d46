// SPDX-License-Identifier: Apache-2.0
#include "kubelet/cri/grpc_runtime.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "kubelet/cri/labels.h"

namespace keelson::cri {
namespace {

using namespace std::chrono_literals;

// Answers every call with what the test has put there.
class ScriptedChannel final : public net::GrpcChannel {
 public:
  struct Script {
    std::string method, message;  // Of the last call.
    Duration timeout{};
    Result<std::string> answer = std::string();
  };
  explicit ScriptedChannel(Script* script) : script_(script) {}

  Task<Result<std::string>> call(std::string method, std::string message,
                                 Duration timeout) override {
    script_->method = std::move(method);
    script_->message = std::move(message);
    script_->timeout = timeout;
    co_return script_->answer;
  }
  Task<Result<std::unique_ptr<net::GrpcStream>>> open(std::string) override {
    co_return fail(Reason::NotImplemented, "unknown method GetContainerEvents");
  }

 private:
  Script* const script_;
};

class GrpcRuntimeTest : public testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    spawn(executor, [](Task<T> inner, std::optional<T>* out) -> Task<void> {
      out->emplace(co_await std::move(inner));
    }(std::move(task), &result));
    executor.run_ready();
    return std::move(*result);
  }
  template <class Message>
  Message sent() {
    Message message;
    EXPECT_TRUE(message.ParseFromString(script.message));
    return message;
  }

  VirtualExecutor executor;
  ScriptedChannel::Script script;
  std::unique_ptr<Runtime> runtime =
      make_grpc_runtime(std::make_unique<ScriptedChannel>(&script), {.request_timeout = 10s});
};

TEST_F(GrpcRuntimeTest, SpeaksOnlyToRuntimesOfItsVersion) {
  v1::VersionResponse version;
  version.set_runtime_name("containerd");
  version.set_runtime_version("1.2.0");
  version.set_runtime_api_version("v1alpha2");
  script.answer = version.SerializeAsString();
  const auto old = run(runtime->version());
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().message(),
            "container runtime containerd 1.2.0 speaks CRI \"v1alpha2\", not v1");

  version.set_runtime_api_version("v1");
  script.answer = version.SerializeAsString();
  EXPECT_TRUE(run(runtime->version()));
  EXPECT_EQ(script.method, "/runtime.v1.RuntimeService/Version");
}

TEST_F(GrpcRuntimeTest, RefusesAnswersThatAreNoMessages) {
  script.answer = std::string("\xff\xff\xff");
  const auto status = run(runtime->status());
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(Reason::InternalError));
}

TEST_F(GrpcRuntimeTest, TakesWhatIsGoneAsStoppedAndRemoved) {
  script.answer = fail(Reason::NotFound, "no such container");
  EXPECT_TRUE(run(runtime->stop_container("c", 1s)));
  EXPECT_TRUE(run(runtime->remove_container("c")));
  EXPECT_TRUE(run(runtime->stop_sandbox("s")));
  EXPECT_TRUE(run(runtime->remove_sandbox("s")));
  EXPECT_TRUE(run(runtime->remove_image("i")));
  EXPECT_FALSE(run(runtime->container_status("c")));
  EXPECT_FALSE(run(runtime->start_container("c")));

  script.answer = fail(Status::internal("disk on fire"));
  EXPECT_FALSE(run(runtime->remove_container("c")));
}

TEST_F(GrpcRuntimeTest, GivesEachCallTheTimeItNeeds) {
  (void)run(runtime->status());
  EXPECT_EQ(script.timeout, 10s);
  (void)run(runtime->run_sandbox({}, ""));
  EXPECT_EQ(script.timeout, 20s);
  (void)run(runtime->stop_container("c", 30s));
  EXPECT_EQ(script.timeout, 40s);
  EXPECT_EQ(sent<v1::StopContainerRequest>().timeout(), 30);
  (void)run(runtime->exec_sync("c", {"true"}, 3s));
  EXPECT_EQ(script.timeout, 13s);
  EXPECT_EQ(sent<v1::ExecSyncRequest>().cmd(0), "true");
}

TEST_F(GrpcRuntimeTest, ListsThePodsItIsAskedFor) {
  (void)run(runtime->list_containers("u-1"));
  EXPECT_EQ(sent<v1::ListContainersRequest>().filter().label_selector().at(kPodUidLabel), "u-1");
  (void)run(runtime->list_sandboxes(""));
  EXPECT_FALSE(sent<v1::ListPodSandboxRequest>().has_filter());
}

TEST_F(GrpcRuntimeTest, TellsAnAbsentImageFromOneWithoutMetadata) {
  v1::ImageStatusResponse response;
  script.answer = response.SerializeAsString();
  EXPECT_FALSE(run(runtime->image_status("web"))->has_value());
  response.mutable_image();
  script.answer = response.SerializeAsString();
  EXPECT_TRUE(run(runtime->image_status("web"))->has_value());
}

TEST_F(GrpcRuntimeTest, SaysThatThereIsNoEventStream) {
  const auto events = run(runtime->events());
  ASSERT_FALSE(events);
  EXPECT_TRUE(events.error().is(Reason::NotImplemented));
}

TEST(RuntimeEndpoint, IsAUnixSocket) {
  EXPECT_EQ(socket_path_of_endpoint("unix:///run/c.sock"), "/run/c.sock");
  EXPECT_EQ(socket_path_of_endpoint("/run/c.sock"), "/run/c.sock");
  for (const char* endpoint : {"", "run/c.sock", "tcp://127.0.0.1:80", "unix://run/c.sock"}) {
    EXPECT_FALSE(socket_path_of_endpoint(endpoint)) << endpoint;
  }
}

}  // namespace
}  // namespace keelson::cri
