// SPDX-License-Identifier: Apache-2.0
#include "kubelet/images/image_import.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <boost/json.hpp>
#include <filesystem>

#include "base/log.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr auto kTimeout = std::chrono::minutes(10);
constexpr std::size_t kOutputLimit = 1 << 20;
constexpr std::size_t kErrorLimit = 4096;

constexpr std::size_t kIndexLimit = 1 << 20;
constexpr unsigned kTarBlock = 512;

// Waits for a child program and returns its output, up to a limit.
Result<std::string> run_program(std::vector<std::string> words) {
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
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  if (output.size() > kErrorLimit) output.resize(kErrorLimit);
  while (output.ends_with('\n')) output.pop_back();
  return fail(Status::internal(words[0] + " failed: " + output));
}

// "REF TYPE DIGEST ..." on each line, the first being the head.
std::vector<NamedManifest> parse_table(std::string_view table) {
  std::vector<NamedManifest> out;
  while (!table.empty()) {
    const auto end = table.find('\n');
    std::string_view line = table.substr(0, end);
    table.remove_prefix(end == std::string_view::npos ? table.size() : end + 1);
    std::vector<std::string_view> fields;
    while (fields.size() < 3) {
      const auto start = line.find_first_not_of(' ');
      if (start == std::string_view::npos) break;
      line.remove_prefix(start);
      fields.push_back(line.substr(0, line.find(' ')));
      line.remove_prefix(fields.back().size());
    }
    if (fields.size() == 3) out.push_back({std::string(fields[0]), std::string(fields[2])});
  }
  return out;
}

struct GzipCloser {
  void operator()(gzFile file) const { gzclose(file); }
};

// The bytes of a member of a tar archive; empty if there is none.
std::string tar_member(const std::string& archive, std::string_view name) {
  // Reads what is not compressed just as well, and then skips without reading.
  const std::unique_ptr<gzFile_s, GzipCloser> file(gzopen(archive.c_str(), "rbe"));
  if (!file) return {};
  char header[kTarBlock];
  while (gzread(file.get(), header, kTarBlock) == kTarBlock) {
    const std::string_view member(header, strnlen(header, 100));
    if (member.empty()) break;
    // Octal, in 12 characters from 124 on.
    std::uint64_t size = 0;
    std::from_chars(header + 124, header + 135, size, 8);
    if (member == name && size <= kIndexLimit) {
      std::string bytes(size, '\0');
      const int got = gzread(file.get(), bytes.data(), static_cast<unsigned>(size));
      return got == static_cast<int>(size) ? bytes : std::string();
    }
    const std::uint64_t padded = (size + kTarBlock - 1) / kTarBlock * kTarBlock;
    if (gzseek(file.get(), static_cast<z_off_t>(padded), SEEK_CUR) < 0) break;
  }
  return {};
}

class CtrImporter final : public ImageImporter {
 public:
  CtrImporter(std::string socket, std::function<void(Work)> block)
      : socket_(std::move(socket)), block_(std::move(block)) {}

  Task<Result<std::vector<NamedManifest>>> list() override {
    CO_TRY(const std::string table, co_await ctr({"images", "list"}));
    co_return parse_table(table);
  }

  Task<std::vector<NamedManifest>> read_index(std::string archive) override {
    co_return co_await suspended<std::vector<NamedManifest>>(
        {}, [this, &archive](Completion<std::vector<NamedManifest>> done) {
          block_([archive, done = std::move(done)]() mutable {
            done.complete(archive_images(archive));
          });
        });
  }

  Task<Result<void>> import(std::string archive) override {
    CO_TRY_OK(co_await ctr({"images", "import", std::move(archive)}));
    co_return Result<void>{};
  }

 private:
  Task<Result<std::string>> ctr(std::vector<std::string> arguments) {
    std::vector<std::string> words{"ctr", "--address", socket_, "--namespace", "k8s.io"};
    std::ranges::move(arguments, std::back_inserter(words));
    co_return co_await suspended<Result<std::string>>(
        fail(Status::canceled()), [this, &words](Completion<Result<std::string>> done) {
          block_([words = std::move(words), done = std::move(done)]() mutable {
            done.complete(run_program(std::move(words)));
          });
        });
  }

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

std::vector<NamedManifest> archive_images(const std::string& archive) {
  boost::system::error_code error;
  const auto index = boost::json::parse(tar_member(archive, "index.json"), error);
  if (error || !index.is_object()) return {};
  std::vector<NamedManifest> out;
  const auto* manifests = index.get_object().if_contains("manifests");
  if (!manifests || !manifests->is_array()) return {};
  for (const auto& manifest : manifests->get_array()) {
    const auto* name = manifest.find_pointer("/annotations/io.containerd.image.name", error);
    const auto* digest = manifest.find_pointer("/digest", error);
    // One that cannot be told apart makes the whole archive unknown.
    if (!name || !digest || !name->is_string() || !digest->is_string()) return {};
    out.push_back({std::string(name->get_string()), std::string(digest->get_string())});
  }
  return out;
}

Task<int> import_folder(ImageImporter& importer, std::string folder) {
  std::vector<std::string> archives;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_archive(entry.path().filename().string())) archives.push_back(entry.path().string());
  }
  std::ranges::sort(archives);
  int imported = 0;
  const auto present = co_await importer.list();
  const auto is_present = [&](const NamedManifest& image) {
    return present && std::ranges::find(*present, image) != present->end();
  };
  for (const auto& archive : archives) {
    const auto images = co_await importer.read_index(archive);
    if (!images.empty() && std::ranges::all_of(images, is_present)) continue;
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
