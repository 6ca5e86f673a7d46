// SPDX-License-Identifier: Apache-2.0
// Keys and certificates on disk.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "pki/certificate.h"
#include "pki/digest.h"

namespace keelson::pki {
namespace {

constexpr std::size_t kFileMax = 1 << 20;

Status file_error(std::string_view operation, const std::string& path, int error) {
  const Reason reason = error == ENOENT                     ? Reason::NotFound
                        : error == EACCES || error == EPERM ? Reason::Forbidden
                                                            : Reason::InternalError;
  return Status(
      reason, std::string(operation) + " " + path + ": " + std::generic_category().message(error));
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

bool write_whole(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t size = ::write(fd, contents.data(), contents.size());
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) contents.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return fail(file_error("open", path, errno));
  std::string contents;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t size = ::read(file.fd(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(file_error("read", path, errno));
    if (size == 0) return contents;
    contents.append(buffer.data(), static_cast<std::size_t>(size));
    if (contents.size() > kFileMax)
      return fail(Reason::RequestEntityTooLarge, "read " + path + ": file too large");
  }
}

Result<void> write_file(const std::string& path, std::string_view contents, int mode) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return fail(file_error("mkdir", folder, error.value()));
  // Beside the target, so that the rename stays within one file system.
  const std::string temporary = path + ".tmp-" + hex(random_bytes(8));
  {
    const File file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.fd() < 0) return fail(file_error("open", temporary, errno));
    if (!write_whole(file.fd(), contents) || ::fchmod(file.fd(), static_cast<mode_t>(mode)) != 0 ||
        ::fsync(file.fd()) != 0) {
      const int cause = errno;
      ::unlink(temporary.c_str());
      return fail(file_error("write", temporary, cause));
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int cause = errno;
    ::unlink(temporary.c_str());
    return fail(file_error("rename", path, cause));
  }
  return {};
}

Result<KeyPair> load_pair(const std::string& certificate_path, const std::string& key_path) {
  TRY(auto certificate, read_file(certificate_path));
  TRY(auto key, read_file(key_path));
  KeyPair pair{std::move(certificate), std::move(key)};
  if (!matches(pair))
    return fail(Status::bad_request(certificate_path + " and " + key_path +
                                    " hold no certificate with its private key"));
  return pair;
}

Result<void> save_pair(const KeyPair& pair, const std::string& certificate_path,
                       const std::string& key_path) {
  TRY_OK(write_file(key_path, pair.key_pem, 0600));
  return write_file(certificate_path, pair.certificate_pem, 0644);
}

}  // namespace keelson::pki
