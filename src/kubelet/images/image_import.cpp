// SPDX-License-Identifier: Apache-2.0
#include "kubelet/images/image_import.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/log.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr auto kTimeout = std::chrono::minutes(10);
constexpr std::size_t kOutputLimit = 4096;

// Waits for a child program; its output is kept up to a limit.
Result<void> run_program(std::vector<std::string> words) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return fail(Status::internal("no pipe for a child"));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  if (failed != 0) {
    close(pipe_ends[0]);
    return fail(failed == ENOENT ? Reason::NotFound : Reason::InternalError,
                words[0] + ": " + std::generic_category().message(failed));
  }

  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  std::string output;
  bool timed_out = false;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{.fd = pipe_ends[0], .events = POLLIN, .revents = 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      timed_out = true;
      kill(child, SIGKILL);
    }
    char block[1024];
    const ssize_t got = ready > 0 ? read(pipe_ends[0], block, sizeof block) : 0;
    if (got <= 0) break;
    if (output.size() < kOutputLimit) output.append(block, static_cast<std::size_t>(got));
  }
  close(pipe_ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (timed_out) return fail(Reason::Timeout, words[0] + " took too long");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  while (output.ends_with('\n')) output.pop_back();
  return fail(Status::internal(words[0] + " failed: " + output));
}

class CtrImporter final : public ImageImporter {
 public:
  CtrImporter(std::string socket, std::function<void(Work)> block)
      : socket_(std::move(socket)), block_(std::move(block)) {}

  Task<Result<void>> import(std::string archive) override {
    std::vector<std::string> words{"ctr",    "--address", socket_, "--namespace", "k8s.io",
                                   "images", "import",    archive};
    co_return co_await suspended<Result<void>>(
        fail(Status::canceled()), [this, &words](Completion<Result<void>> done) {
          block_([words = std::move(words), done = std::move(done)]() mutable {
            done.complete(run_program(std::move(words)));
          });
        });
  }

 private:
  const std::string socket_;
  const std::function<void(Work)> block_;
};

bool is_archive(const std::string& name) {
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

}  // namespace

std::unique_ptr<ImageImporter> make_ctr_importer(std::string socket,
                                                 std::function<void(Work)> block) {
  return std::make_unique<CtrImporter>(std::move(socket), std::move(block));
}

Task<int> import_folder(ImageImporter& importer, std::string folder) {
  std::vector<std::string> archives;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_archive(entry.path().filename().string())) archives.push_back(entry.path().string());
  }
  std::ranges::sort(archives);
  int imported = 0;
  for (const auto& archive : archives) {
    auto result = co_await importer.import(archive);
    if (result) {
      log_info("Imported images", {{"archive", archive}});
      ++imported;
      continue;
    }
    if (result.error().is(Reason::Canceled)) break;
    log_warning("Images could not be imported",
                {{"archive", archive}, {"err", result.error().message()}});
  }
  co_return imported;
}

}  // namespace keelson::kubelet
