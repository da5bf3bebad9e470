// System calls that Swift cannot import: variadic functions and calls without a libc wrapper.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080  // Linux 6.14, include/uapi/linux/fs.h
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U  // Linux 5.8, include/uapi/linux/stat.h
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000  // Linux 5.8
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

// Makes the call again while signals interrupt it; gives the result or the negative errno.
#define RETRY(type, call)                              \
  ({                                                   \
    type result_;                                      \
    do result_ = (call);                               \
    while (result_ == -1 && errno == EINTR);           \
    result_ == -1 ? -(type)errno : result_;            \
  })

int clinux_reason(int code, char *text, size_t count) {
  const char *found = strerror_r(code, text, count);  // may point to a constant
  if (found != text) {
    size_t length = strnlen(found, count - 1);
    memcpy(text, found, length);
    text[length] = 0;
  }
  return 0;
}

const int clinux_at_fdcwd = AT_FDCWD;

static int open_flags(int how) {
  int flags = O_CLOEXEC | O_NOCTTY;
  if ((how & clinux_read) && (how & clinux_write)) flags |= O_RDWR;
  else if (how & clinux_write) flags |= O_WRONLY;
  else flags |= O_RDONLY;
  if (how & clinux_create) flags |= O_CREAT;
  if (how & clinux_create_new) flags |= O_CREAT | O_EXCL;
  if (how & clinux_truncate) flags |= O_TRUNC;
  if (how & clinux_append) flags |= O_APPEND;
  if (how & clinux_directory) flags |= O_DIRECTORY;
  if (how & clinux_no_follow) flags |= O_NOFOLLOW;
  if (how & clinux_no_atime) flags |= O_NOATIME;
  if (how & clinux_no_block) flags |= O_NONBLOCK;
  if (how & clinux_direct) flags |= O_DIRECT;
  if (how & clinux_nameless) flags |= O_TMPFILE;
  // O_PATH ignores, and openat2 refuses, everything but these.
  if (how & clinux_path_only) flags = O_PATH | (flags & (O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW));
  return flags;
}

int clinux_open(int directory, const char *path, int how, uint32_t mode) {
  return RETRY(int, openat(directory, path, open_flags(how), (mode_t)mode));
}

int clinux_open_beneath(int directory, const char *path, int how, uint32_t mode) {
  struct open_how request;
  memset(&request, 0, sizeof request);
  request.flags = (uint64_t)open_flags(how);
  // openat2 refuses a mode that would not be used.
  if (how & (clinux_create | clinux_create_new | clinux_nameless)) request.mode = mode;
  request.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed or mounted meanwhile, the kernel could not be sure.
  int result = -EAGAIN;
  for (int attempt = 0; attempt < 64 && result == -EAGAIN; attempt++)
    result = RETRY(int, (int)syscall(SYS_openat2, directory, path, &request, sizeof request));
  return result;
}

int clinux_set_direct(int descriptor, int on) {
  int flags = RETRY(int, fcntl(descriptor, F_GETFL));
  if (flags < 0) return flags;
  return RETRY(int, fcntl(descriptor, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT));
}

int64_t clinux_read_uncached(int descriptor, void *to, size_t count, int64_t offset) {
  struct iovec piece = {to, count};
  return RETRY(int64_t, preadv2(descriptor, &piece, 1, offset, RWF_DONTCACHE));
}

int clinux_reserve(int descriptor, int64_t offset, int64_t count) {
  return RETRY(int, fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, count));
}

int64_t clinux_seek(int descriptor, int64_t offset, int hole) {
  return RETRY(int64_t, lseek(descriptor, offset, hole ? SEEK_HOLE : SEEK_DATA));
}

int clinux_write_back(int descriptor, int64_t offset, int64_t count) {
  return RETRY(int, sync_file_range(descriptor, offset, count,
                                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                        SYNC_FILE_RANGE_WAIT_AFTER));
}

int clinux_sync_filesystem(int descriptor) { return RETRY(int, syncfs(descriptor)); }

int clinux_status(int directory, const char *path, int follow, struct clinux_status *status) {
  struct statx s;
  int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT;
  if (path[0] == 0) flags |= AT_EMPTY_PATH;
  int result = RETRY(
      int, statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &s));
  if (result < 0) return result;
  memset(status, 0, sizeof *status);
  status->mode = s.stx_mode;
  status->user = s.stx_uid;
  status->group = s.stx_gid;
  status->link_count = s.stx_nlink;
  status->inode = s.stx_ino;
  status->byte_count = s.stx_size;
  status->block_count = s.stx_blocks;
  status->device_major = s.stx_dev_major;
  status->device_minor = s.stx_dev_minor;
  status->special_major = s.stx_rdev_major;
  status->special_minor = s.stx_rdev_minor;
  status->modified_seconds = s.stx_mtime.tv_sec;
  status->modified_nanoseconds = s.stx_mtime.tv_nsec;
  status->changed_seconds = s.stx_ctime.tv_sec;
  status->changed_nanoseconds = s.stx_ctime.tv_nsec;
  status->accessed_seconds = s.stx_atime.tv_sec;
  status->accessed_nanoseconds = s.stx_atime.tv_nsec;
  status->has_birth = (s.stx_mask & STATX_BTIME) != 0;
  status->born_seconds = s.stx_btime.tv_sec;
  status->born_nanoseconds = s.stx_btime.tv_nsec;
  status->preferred_byte_count = s.stx_blksize;
  status->has_mount = (s.stx_mask & STATX_MNT_ID) != 0;
#ifdef STATX_ATTR_DAX  // the headers of Linux 5.8 and later name the field
  status->mount = s.stx_mnt_id;
#else
  status->has_mount = 0;
#endif
  status->attributes = s.stx_attributes;
  status->attributes_known = s.stx_attributes_mask;
  status->is_mount_root = (s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return 0;
}

int64_t clinux_entries(int directory, void *buffer, size_t count) {
  return RETRY(int64_t, syscall(SYS_getdents64, directory, buffer, count));
}

int clinux_rename(int from, const char *old_name, int to, const char *new_name, int keep) {
  unsigned flags = keep ? RENAME_NOREPLACE : 0;
  return RETRY(int, (int)syscall(SYS_renameat2, from, old_name, to, new_name, flags));
}

// The requests are declared for long, but the kernel reads and writes an int.
int clinux_get_flags(int descriptor, uint32_t *flags) {
  int value = 0;
  int result = RETRY(int, ioctl(descriptor, FS_IOC_GETFLAGS, &value));
  *flags = (uint32_t)value;
  return result;
}

int clinux_set_flags(int descriptor, uint32_t flags) {
  int value = (int)flags;
  return RETRY(int, ioctl(descriptor, FS_IOC_SETFLAGS, &value));
}

int64_t clinux_list_attributes(int descriptor, const char *path, char *to, size_t count) {
  return RETRY(int64_t, path ? llistxattr(path, to, count) : flistxattr(descriptor, to, count));
}

int64_t clinux_get_attribute(int descriptor, const char *path, const char *name, void *to,
                             size_t count) {
  return RETRY(int64_t, path ? lgetxattr(path, name, to, count)
                             : fgetxattr(descriptor, name, to, count));
}

int clinux_set_attribute(int descriptor, const char *path, const char *name, const void *value,
                         size_t count) {
  return RETRY(int, path ? lsetxattr(path, name, value, count, 0)
                         : fsetxattr(descriptor, name, value, count, 0));
}

int clinux_remove_attribute(int descriptor, const char *path, const char *name) {
  return RETRY(int, path ? lremovexattr(path, name) : fremovexattr(descriptor, name));
}

int clinux_forbid_dumps(void) {
  struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return -errno;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -errno;
  return 0;
}
